import { Inbox, KeyRound } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { type Api, client, queryClient } from "@/api/client";
import { useCursor } from "@/features/cursor";
import { More } from "@/features/more";
import { ObjectLink } from "@/features/sharing/object-link";
import { ago } from "@/i18n/format";
import { useMe } from "@/shell/me";
import { Badge, type Tone } from "@/ui/badge";
import { Button } from "@/ui/button";
import { Card } from "@/ui/card";
import { Empty } from "@/ui/empty";
import { Failed } from "@/ui/failed";
import { Select } from "@/ui/select";
import { SkeletonRows } from "@/ui/skeleton";
import { DecideDialog } from "./decide-dialog";
import { requestsKey } from "./keys";
import { SharedWithMe } from "./shared-with-me";

export type AccessRequest = Api["AccessRequest"];
export const VIEWS = ["waiting", "all", "mine", "shared"] as const;
export type View = (typeof VIEWS)[number];

type Props = { view: View | undefined; onView: (view: View) => void };

/** What others ask for, what oneself asked for, and what came of it. */
export default function Requests({ view, onView }: Props) {
  const { t } = useTranslation();
  const decides = useMe().powers.includes("grants:manage");
  const views = decides ? VIEWS : (["mine", "shared"] as const);
  const shown = view && (views as readonly View[]).includes(view) ? view : (views[0] as View);
  const choice = (
    <Select
      aria-label={t("organisation.show")}
      value={shown}
      onChange={(event) => onView(VIEWS.find((one) => one === event.target.value) ?? "mine")}
      options={views.map((value) => ({ value, label: t(`organisation.view.${value}`) }))}
      className="w-52"
    />
  );
  return (
    <Card flush title={t("organisation.tab.requests")} actions={choice}>
      {shown === "shared" ? <SharedWithMe /> : <List key={shown} view={shown} />}
    </Card>
  );
}

function List({ view }: { view: Exclude<View, "shared"> }) {
  const { t } = useTranslation();
  const [deciding, setDeciding] = useState<{ request: AccessRequest; as: "approve" | "refuse" } | null>(null);
  const key = requestsKey(view);
  const { query, items } = useCursor<AccessRequest>(key, (asked, signal) =>
    client.GET("/api/v1/access-requests", {
      params: {
        query: {
          ...asked,
          of: view === "mine" ? "me" : "organisation",
          ...(view === "waiting" ? { state: "pending" } : {}),
        },
      },
      signal,
    }),
  );
  if (query.error && !items) return <Failed error={query.error} retry={() => void query.refetch()} />;
  if (!items) return <SkeletonRows className="h-20" rows={3} />;
  if (!items.length) {
    return (
      <Empty icon={view === "mine" ? KeyRound : Inbox} title={t(`organisation.noRequests.${view}`)}>
        {t(`organisation.noRequestsText.${view}`)}
      </Empty>
    );
  }
  return (
    <>
      <ul aria-label={t(`organisation.view.${view}`)} className="divide-y divide-line">
        {items.map((request) => (
          <RequestRow
            key={request.id}
            request={request}
            onDecide={view === "mine" ? null : (as) => setDeciding({ request, as })}
          />
        ))}
      </ul>
      <More query={query} />
      {deciding ? (
        <DecideDialog
          {...deciding}
          onClose={() => setDeciding(null)}
          onDone={() => void queryClient.invalidateQueries({ queryKey: ["access-requests"] })}
        />
      ) : null}
    </>
  );
}

const TONES: Record<AccessRequest["state"], Tone> = { pending: "warn", approved: "ok", refused: "bad" };

function RequestRow(props: { request: AccessRequest; onDecide: ((as: "approve" | "refuse") => void) | null }) {
  const { request, onDecide } = props;
  const { t } = useTranslation();
  const asker = request.asked_by;
  return (
    <li className="flex min-h-20 flex-wrap items-center gap-x-3 gap-y-2 px-4 py-3">
      <div className="min-w-0 flex-1 basis-64">
        <p className="flex flex-wrap items-center gap-x-2 gap-y-1">
          <ObjectLink kind={request.kind} address={request.address} />
          {request.state === "pending" && onDecide ? null : (
            <Badge tone={TONES[request.state]}>{t(`organisation.requestState.${request.state}`)}</Badge>
          )}
        </p>
        <p className="text-sm break-words">{request.reason}</p>
        <p className="text-sm text-fg-3">
          {asker ? `${asker.name}${asker.email ? `, ${asker.email}` : ""} · ` : ""}
          {ago(request.created_at)}
        </p>
        {request.note ? (
          <p className="text-sm break-words text-fg-2">{t("organisation.answered", { note: request.note })}</p>
        ) : null}
      </div>
      {onDecide && request.state === "pending" ? (
        <span className="flex gap-2 max-sm:w-full max-sm:[&>*]:flex-1">
          <Button onClick={() => onDecide("refuse")}>{t("organisation.refuse")}</Button>
          <Button kind="primary" onClick={() => onDecide("approve")}>
            {t("organisation.approve")}
          </Button>
        </span>
      ) : null}
    </li>
  );
}
