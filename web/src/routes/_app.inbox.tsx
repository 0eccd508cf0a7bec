import { createFileRoute, Link } from "@tanstack/react-router";
import { Inbox as InboxIcon, MailCheck, Settings2 } from "lucide-react";
import { useTranslation } from "react-i18next";
import { NoticeRow } from "@/features/inbox/notice-row";
import { mark, markAllRead, useInbox } from "@/features/inbox/reading";
import { More } from "@/features/more";
import { Button, buttonClass } from "@/ui/button";
import { Card } from "@/ui/card";
import { Empty } from "@/ui/empty";
import { Failed } from "@/ui/failed";
import { PageHead } from "@/ui/page-head";
import { Select } from "@/ui/select";
import { SkeletonRows } from "@/ui/skeleton";
import { toast } from "@/ui/toast";

export const Route = createFileRoute("/_app/inbox")({
  validateSearch: (search: Record<string, unknown>): { show?: "unread" } =>
    search.show === "unread" ? { show: "unread" } : {},
  component: Inbox,
});

function Inbox() {
  const { t } = useTranslation();
  const { show } = Route.useSearch();
  const navigate = Route.useNavigate();
  const { query, items } = useInbox(show === "unread");
  const unread = items?.filter((notice) => notice.read_at === null) ?? [];
  const readAll = () => {
    const newest = items?.[0];
    if (!newest) return;
    const ids = unread.map((notice) => notice.id);
    void markAllRead(newest.id);
    toast(t("inbox.allRead"), { undo: () => void mark(ids, "unread") });
  };
  return (
    <>
      <PageHead
        title={t("inbox.title")}
        facts={t("inbox.text")}
        actions={
          <>
            <Select
              aria-label={t("inbox.show")}
              className="min-w-32"
              value={show ?? ""}
              options={[
                { value: "", label: t("inbox.all") },
                { value: "unread", label: t("inbox.unreadOnly") },
              ]}
              onChange={(event) =>
                void navigate({ search: event.target.value ? { show: "unread" } : {}, replace: true })
              }
            />
            <Button onClick={readAll} disabled={!unread.length}>
              <MailCheck size={15} aria-hidden />
              {t("inbox.markAll")}
            </Button>
            <Link
              to="/settings"
              search={{ tab: "notifications" }}
              aria-label={t("inbox.choose")}
              title={t("inbox.choose")}
              className={`${buttonClass({ size: "icon" })} max-sm:flex-none!`}
            >
              <Settings2 size={15} aria-hidden />
            </Link>
          </>
        }
      />
      {query.error && !items ? <Failed error={query.error} retry={() => void query.refetch()} /> : null}
      <Card flush>
        {items ? (
          items.length ? (
            <ul className="divide-y divide-line">
              {items.map((notice) => (
                <NoticeRow key={notice.id} notice={notice} />
              ))}
            </ul>
          ) : (
            <Empty icon={InboxIcon} title={t(show ? "inbox.noneUnread" : "inbox.none")}>
              {t("inbox.noneText")}
            </Empty>
          )
        ) : (
          <SkeletonRows className="h-20" />
        )}
        <More query={query} />
      </Card>
    </>
  );
}
