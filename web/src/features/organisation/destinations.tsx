import { Plus, Send } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { type Api, client, queryClient } from "@/api/client";
import { saidBy } from "@/api/problem";
import { useCursor } from "@/features/cursor";
import { More } from "@/features/more";
import { ago, duration } from "@/i18n/format";
import { useHubWords } from "@/i18n/hub";
import { Badge } from "@/ui/badge";
import { Button } from "@/ui/button";
import { Card } from "@/ui/card";
import { Confirm } from "@/ui/confirm";
import { Empty } from "@/ui/empty";
import { Failed } from "@/ui/failed";
import { Note } from "@/ui/note";
import { SkeletonRows } from "@/ui/skeleton";
import { toast } from "@/ui/toast";
import { DestinationDialog } from "./destination-dialog";
import { destinationsKey } from "./keys";
import { useKindName } from "./notice-kinds";

type Destination = Api["Destination"];
const KINDS = { slack: "Slack", pagerduty: "PagerDuty", webhook: "Webhook" } as const;

/** Where the organisation has its notices sent, and how the last one went. */
export default function Destinations({ org }: { org: string }) {
  const { t } = useTranslation();
  const [adding, setAdding] = useState(false);
  const [removing, setRemoving] = useState<Destination | null>(null);
  const [kinds, setKinds] = useState<string[]>([]);
  const key = destinationsKey(org);
  const { query, items } = useCursor<Destination>(key, async (asked, signal) => {
    const { data } = await client.GET("/api/v1/organisations/{org}/destinations", {
      params: { path: { org }, query: asked },
      signal,
    });
    if (data) setKinds(data.notice_kinds);
    return { data };
  });
  const anew = () => void queryClient.invalidateQueries({ queryKey: key });
  const add = (
    <Button kind="primary" onClick={() => setAdding(true)}>
      <Plus size={15} aria-hidden />
      {t("destination.add")}
    </Button>
  );
  return (
    <>
      {query.error && !items ? <Failed error={query.error} retry={() => void query.refetch()} /> : null}
      <Card flush title={t("organisation.tab.destinations")} actions={add}>
        {items ? (
          items.length ? (
            <ul aria-label={t("organisation.tab.destinations")} className="divide-y divide-line">
              {items.map((one) => (
                <Row key={one.id} org={org} destination={one} onRemove={() => setRemoving(one)} />
              ))}
            </ul>
          ) : (
            <Empty icon={Send} title={t("destination.none")} action={add}>
              {t("destination.noneText")}
            </Empty>
          )
        ) : (
          <SkeletonRows className="h-20" rows={3} />
        )}
        <More query={query} />
      </Card>
      {adding ? (
        <DestinationDialog
          org={org}
          kinds={kinds}
          onClose={() => {
            setAdding(false);
            anew();
          }}
        />
      ) : null}
      <Confirm
        open={removing !== null}
        onClose={() => setRemoving(null)}
        title={t("destination.removeOf", { name: removing?.name ?? "" })}
        text={t("destination.removeText")}
        action={t("organisation.remove")}
        onConfirm={async () => {
          if (!removing) return;
          await client.DELETE("/api/v1/organisations/{org}/destinations/{destination_id}", {
            params: { path: { org, destination_id: removing.id } },
          });
          anew();
        }}
      />
    </>
  );
}

function Row({ org, destination, onRemove }: { org: string; destination: Destination; onRemove: () => void }) {
  const { t } = useTranslation();
  const inWords = useHubWords();
  const nameOf = useKindName();
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState("");
  const test = async () => {
    setBusy(true);
    setProblem("");
    try {
      const { data } = await client.POST("/api/v1/organisations/{org}/destinations/{destination_id}/test", {
        params: { path: { org, destination_id: destination.id } },
      });
      toast(t("destination.tested", { name: destination.name, time: duration(data?.seconds ?? 0) }));
    } catch (error) {
      setProblem(saidBy(error));
    } finally {
      setBusy(false);
    }
  };
  const sent = destination.last_sent_at
    ? t("destination.sent", { when: ago(destination.last_sent_at) })
    : t("destination.notYet");
  return (
    <li className="px-4 py-3">
      <div className="flex flex-wrap items-center gap-x-3 gap-y-2">
        <div className="min-w-0 flex-1 basis-64">
          <p className="flex items-center gap-2 font-medium">
            <span className="truncate">{destination.name}</span>
            <Badge>{KINDS[destination.kind]}</Badge>
          </p>
          <p className="text-sm text-fg-3">
            <span className="mono">{destination.host}</span>
            {` · ${sent}`}
          </p>
          <p className="text-sm text-fg-2">{destination.notice_kinds.map(nameOf).join(", ")}</p>
        </div>
        <span className="flex gap-2 max-sm:w-full max-sm:[&>*]:flex-1">
          <Button busy={busy} onClick={() => void test()}>
            {t("destination.test")}
          </Button>
          <Button onClick={onRemove} aria-label={t("destination.removeOf", { name: destination.name })}>
            {t("organisation.remove")}
          </Button>
        </span>
      </div>
      {problem || destination.last_error ? (
        <div role={problem ? "alert" : undefined}>
          <Note tone="bad" className="mt-2">
            {problem || t("destination.lastError", { error: inWords(destination.last_error ?? "") })}
          </Note>
        </div>
      ) : null}
    </li>
  );
}
