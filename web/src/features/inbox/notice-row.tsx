import { useRouter } from "@tanstack/react-router";
import { CircleAlert, Info, type LucideIcon, Mail, MailOpen, TriangleAlert } from "lucide-react";
import type { MouseEvent } from "react";
import { useTranslation } from "react-i18next";
import type { Api } from "@/api/client";
import { hubPath } from "@/api/root";
import { ago, moment } from "@/i18n/format";
import { useHubWords } from "@/i18n/hub";
import { Button } from "@/ui/button";
import { cn } from "@/ui/cn";
import { mark } from "./reading";
import { noticeWords } from "./words";

const LOOKS: Record<Api["NoticeOut"]["severity"], { icon: LucideIcon; tone: string }> = {
  info: { icon: Info, tone: "text-accent-text" },
  warning: { icon: TriangleAlert, tone: "text-warn" },
  critical: { icon: CircleAlert, tone: "text-bad" },
};

/** One notice: leads to what it is about, and is read by that. */
export function NoticeRow({ notice }: { notice: Api["NoticeOut"] }) {
  const { t } = useTranslation();
  const inWords = useHubWords();
  const router = useRouter();
  const { title, body } = noticeWords(notice, t, inWords);
  const { icon: Icon, tone } = LOOKS[notice.severity];
  const isUnread = notice.read_at === null;
  const href = hubPath(notice.page.replace(/^\//, "") || "./") + queryOf(notice.page);
  const open = (event: MouseEvent) => {
    if (isUnread) void mark([notice.id], "read");
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.button !== 0) return;
    event.preventDefault();
    router.history.push(href);
  };
  const toggle = t(isUnread ? "inbox.markRead" : "inbox.markUnread", { title });
  return (
    <li className={cn("flex items-start gap-1 pr-2", isUnread && "bg-accent-soft/50")}>
      <a
        href={href}
        onClick={open}
        className="flex min-h-15 min-w-0 flex-1 items-start gap-3 py-3 pl-4 hover:underline hover:decoration-line-strong hover:underline-offset-2"
      >
        <Icon size={17} aria-hidden className={cn("mt-0.5 shrink-0", tone)} />
        <span className="min-w-0 flex-1">
          <span className={cn("flex items-baseline gap-2 break-words", isUnread ? "font-semibold" : "text-fg-2")}>
            <span className="min-w-0 break-words">{title}</span>
            {isUnread ? (
              <span className="inline-flex shrink-0 items-center self-center">
                <span aria-hidden className="size-2 rounded-full bg-accent" />
                <span className="sr-only">{t("inbox.new")}</span>
              </span>
            ) : null}
          </span>
          <span className="block text-sm break-words text-fg-2">{body}</span>
          <span className="block text-xs text-fg-3">
            <time dateTime={notice.created_at} title={moment(notice.created_at)}>
              {ago(notice.created_at)}
            </time>
            {notice.organisation ? ` · ${notice.organisation}` : ""}
          </span>
        </span>
      </a>
      <Button
        kind="ghost"
        size="icon"
        className="mt-2"
        aria-label={toggle}
        title={toggle}
        onClick={() => void mark([notice.id], isUnread ? "read" : "unread")}
      >
        {isUnread ? <MailOpen size={15} aria-hidden /> : <Mail size={15} aria-hidden />}
      </Button>
    </li>
  );
}

const queryOf = (page: string) => (page.includes("?") ? page.slice(page.indexOf("?")) : "");
