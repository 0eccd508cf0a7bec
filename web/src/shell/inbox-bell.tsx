import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { Bell } from "lucide-react";
import { useTranslation } from "react-i18next";
import { queryClient, send } from "@/api/client";
import { useTopic } from "@/api/live";
import { count } from "@/i18n/format";
import { buttonClass } from "@/ui/button";

export const COUNT_KEY = ["inbox", "count"] as const;
/** What the hub counts no further than. */
const COUNTED_MAX = 100;

/** Leads to the inbox and says how much is unread, as it happens. */
export function InboxBell() {
  const { t } = useTranslation();
  const query = useQuery({
    queryKey: COUNT_KEY,
    queryFn: () => send<{ unread: number }>("GET", "inbox/count"),
    retry: false,
    staleTime: 60_000,
  });
  const anew = () => void queryClient.invalidateQueries({ queryKey: ["inbox"] });
  useTopic(
    "inbox",
    (news) => {
      if (typeof news.unread !== "number") return anew();
      queryClient.setQueryData(COUNT_KEY, { unread: news.unread });
      void queryClient.invalidateQueries({ queryKey: ["inbox", "list"] });
    },
    anew,
  );
  const unread = query.data?.unread ?? 0;
  const shown = unread < COUNTED_MAX ? count(unread) : `${count(COUNTED_MAX - 1)}+`;
  return (
    <Link
      to="/inbox"
      search={{}}
      aria-label={t("inbox.unread", { amount: shown })}
      className={`${buttonClass({ kind: "ghost", size: "icon" })} relative`}
    >
      <Bell size={17} aria-hidden />
      {unread > 0 ? (
        <span
          aria-hidden
          className="num absolute -top-0.5 left-1/2 min-w-4 rounded-full bg-accent px-1 text-center text-2xs leading-4 font-semibold text-on-accent pointer-coarse:top-1"
        >
          {shown}
        </span>
      ) : null}
    </Link>
  );
}
