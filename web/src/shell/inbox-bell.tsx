import { useQuery } from "@tanstack/react-query";
import { Bell } from "lucide-react";
import { useTranslation } from "react-i18next";
import { send } from "@/api/client";
import { hubPath } from "@/api/root";
import { count } from "@/i18n/format";
import { buttonClass } from "@/ui/button";

/** How much is unread. */
export function InboxBell() {
  const { t } = useTranslation();
  const unread = useQuery({
    queryKey: ["inbox", "count"],
    queryFn: () => send<{ unread: number }>("GET", "inbox/count"),
    staleTime: 60_000,
  });
  const amount = unread.data?.unread ?? 0;
  const label = t("inbox.unread", { amount: count(amount) });
  return (
    <a
      href={hubPath("inbox")}
      aria-label={label}
      className={`${buttonClass({ kind: "ghost", size: "icon" })} relative`}
    >
      <Bell size={17} aria-hidden />
      {amount > 0 ? <span aria-hidden className="absolute top-1 right-1 size-2 rounded-full bg-accent" /> : null}
    </a>
  );
}
