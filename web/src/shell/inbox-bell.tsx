import { useQuery } from "@tanstack/react-query";
import { Bell } from "lucide-react";
import { useTranslation } from "react-i18next";
import { send } from "@/api/client";
import { hubPath } from "@/api/root";
import { count } from "@/i18n/format";
import { buttonClass } from "@/ui/button";

/** How much is unread; nothing on a hub that has no inbox. */
export function InboxBell() {
  const { t } = useTranslation();
  const unread = useQuery({
    queryKey: ["inbox", "count"],
    queryFn: () => send<{ unread: number }>("GET", "inbox/count"),
    retry: false,
    staleTime: 60_000,
  });
  if (!unread.data) return null;
  const label = t("inbox.unread", { amount: count(unread.data.unread) });
  return (
    <a
      href={hubPath("inbox")}
      aria-label={label}
      className={`${buttonClass({ kind: "ghost", size: "icon" })} relative`}
    >
      <Bell size={17} aria-hidden />
      {unread.data.unread > 0 ? (
        <span aria-hidden className="absolute top-1 right-1 size-2 rounded-full bg-accent" />
      ) : null}
    </a>
  );
}
