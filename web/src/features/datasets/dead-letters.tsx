import { useState } from "react";
import { useTranslation } from "react-i18next";
import { type Api, client } from "@/api/client";
import { saidBy } from "@/api/problem";
import { useCursor } from "@/features/cursor";
import { More } from "@/features/more";
import { ago } from "@/i18n/format";
import { useHubWords } from "@/i18n/hub";
import { Button } from "@/ui/button";
import { Dialog } from "@/ui/dialog";
import { Failed } from "@/ui/failed";
import { SkeletonRows } from "@/ui/skeleton";
import { toast } from "@/ui/toast";

/** The messages of a stream that are no rows, each with its reason, to be tried again or thrown away. */
export function DeadLetters({ stream, onClose }: { stream: Api["Stream"]; onClose: () => void }) {
  const { t } = useTranslation();
  const inWords = useHubWords();
  const [busy, setBusy] = useState(false);
  const { query, items } = useCursor<Api["DeadLetterShown"]>(["dead letters", stream.id], (asked, signal) =>
    client.GET("/api/v1/streams/{stream_id}/dead-letters", {
      params: { path: { stream_id: stream.id }, query: asked },
      signal,
    }),
  );
  const decide = async (letter_id: string, what: "retry" | "give-up") => {
    setBusy(true);
    const params = { path: { letter_id } };
    try {
      if (what === "retry") await client.POST("/api/v1/dead-letters/{letter_id}/retry", { params });
      else await client.POST("/api/v1/dead-letters/{letter_id}/give-up", { params });
      if (what === "retry") toast(t("stream.retried"));
      await query.refetch();
    } catch (error) {
      toast(saidBy(error), { tone: "bad" });
    } finally {
      setBusy(false);
    }
  };
  return (
    <Dialog
      open
      wide
      onClose={onClose}
      title={t("stream.deadTitle", { name: stream.name })}
      description={t("stream.deadText")}
    >
      {query.error && !items ? <Failed error={query.error} retry={() => void query.refetch()} /> : null}
      {items ? (
        <ul className="divide-y divide-line" aria-label={t("stream.deadTitle", { name: stream.name })}>
          {items.map((one) => (
            <li key={one.id} className="space-y-1 py-3">
              <p className="break-words">{inWords(one.reason)}</p>
              <p className="num text-sm text-fg-3">
                {t("stream.offset", { partition: one.partition, offset: one.offset })} · {ago(one.created_at)}
              </p>
              <div className="flex flex-wrap gap-2">
                <Button disabled={busy || one.state === "trying"} onClick={() => void decide(one.id, "retry")}>
                  {t("stream.retry")}
                </Button>
                <Button kind="ghost" disabled={busy} onClick={() => void decide(one.id, "give-up")}>
                  {t("stream.giveUp")}
                </Button>
              </div>
            </li>
          ))}
        </ul>
      ) : query.error ? null : (
        <SkeletonRows />
      )}
      {items?.length === 0 ? <p className="text-fg-2">{t("stream.noDead")}</p> : null}
      <More query={query} />
    </Dialog>
  );
}
