import { Waves } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { type Api, client, queryClient } from "@/api/client";
import { saidBy } from "@/api/problem";
import { useCursor } from "@/features/cursor";
import { More } from "@/features/more";
import { useHubWords } from "@/i18n/hub";
import { Badge, type Tone } from "@/ui/badge";
import { Button } from "@/ui/button";
import { Card } from "@/ui/card";
import { Confirm } from "@/ui/confirm";
import { Empty } from "@/ui/empty";
import { Failed } from "@/ui/failed";
import { Note } from "@/ui/note";
import { SkeletonRows } from "@/ui/skeleton";
import { toast } from "@/ui/toast";
import { DeadLetters } from "./dead-letters";
import { StreamDialog } from "./stream-dialog";

type Path = { org: string; name: string };
type Stream = Api["Stream"];
const TONES: Record<Stream["state"], Tone> = { running: "ok", paused: "neutral", stopped: "bad" };

/** How far a stream is moves on by itself. */
const POLL_MS = 5000;

const keyOf = ({ org, name }: Path) => ["streams", org, name];

/** The topics of Kafka that are read into a dataset, and how each goes. */
export function Streams(path: Path) {
  const { t } = useTranslation();
  const [adding, setAdding] = useState(false);
  const { query, items } = useCursor<Stream>(
    keyOf(path),
    (asked, signal) => client.GET("/api/v1/datasets/{org}/{name}/streams", { params: { path, query: asked }, signal }),
    { pollMs: POLL_MS },
  );
  const anew = () => queryClient.invalidateQueries({ queryKey: keyOf(path) });
  if (query.error && !items) return <Failed error={query.error} retry={() => void query.refetch()} />;
  const add = <Button onClick={() => setAdding(true)}>{t("stream.add")}</Button>;
  return (
    <Card flush title={t("stream.title")} actions={items?.length ? add : null}>
      {items?.length ? (
        <ul aria-label={t("stream.title")} className="divide-y divide-line">
          {items.map((stream) => (
            <Row key={stream.id} stream={stream} onChange={anew} />
          ))}
        </ul>
      ) : items ? (
        <Empty icon={Waves} title={t("stream.none")} action={add}>
          {t("stream.noneText")}
        </Empty>
      ) : (
        <SkeletonRows />
      )}
      <More query={query} />
      {adding ? (
        <StreamDialog
          path={path}
          onClose={() => setAdding(false)}
          onMade={() => {
            setAdding(false);
            void anew();
          }}
        />
      ) : null}
    </Card>
  );
}

function Row({ stream, onChange }: { stream: Stream; onChange: () => Promise<void> }) {
  const { t } = useTranslation();
  const inWords = useHubWords();
  const [busy, setBusy] = useState(false);
  const [open, setOpen] = useState<"remove" | "dead" | null>(null);
  const params = { path: { stream_id: stream.id } };
  const turn = async () => {
    setBusy(true);
    try {
      if (stream.state === "running") await client.POST("/api/v1/streams/{stream_id}/pause", { params });
      else await client.POST("/api/v1/streams/{stream_id}/resume", { params });
      await onChange();
    } catch (error) {
      toast(saidBy(error), { tone: "bad" });
    } finally {
      setBusy(false);
    }
  };
  return (
    <li className="space-y-2 px-4 py-3">
      <div className="flex flex-wrap items-center justify-between gap-2">
        <div className="min-w-0">
          <p className="flex flex-wrap items-center gap-2">
            <span className="min-w-0 font-medium break-words">{stream.name}</span>
            <Badge tone={TONES[stream.state]}>{t(`stream.state.${stream.state}`)}</Badge>
          </p>
          <p className="text-sm break-words text-fg-2">
            {stream.topic} · {stream.servers.join(", ")}
          </p>
          <p className="num text-sm text-fg-2">
            {t("stream.rows", { count: stream.appended_rows })}
            {stream.lag === null ? "" : ` · ${t("stream.behind", { count: stream.lag })}`}
          </p>
        </div>
        <div className="flex flex-wrap gap-2">
          {stream.held_dead_letters ? (
            <Button kind="ghost" onClick={() => setOpen("dead")}>
              {t("stream.dead", { count: stream.held_dead_letters })}
            </Button>
          ) : null}
          <Button busy={busy} onClick={() => void turn()}>
            {t(stream.state === "running" ? "stream.pause" : "stream.resume")}
          </Button>
          <Button kind="danger" onClick={() => setOpen("remove")}>
            {t("stream.remove")}
          </Button>
        </div>
      </div>
      {stream.error ? <Note tone="bad">{inWords(stream.error)}</Note> : null}
      {open === "dead" ? (
        <DeadLetters
          stream={stream}
          onClose={() => {
            setOpen(null);
            void onChange();
          }}
        />
      ) : null}
      <Confirm
        open={open === "remove"}
        onClose={() => setOpen(null)}
        title={t("stream.removeOf", { name: stream.name })}
        text={t("stream.removeText")}
        action={t("stream.remove")}
        onConfirm={async () => {
          await client.DELETE("/api/v1/streams/{stream_id}", { params });
          await onChange();
        }}
      />
    </li>
  );
}
