import { useQuery } from "@tanstack/react-query";
import { useEffect } from "react";
import { useTranslation } from "react-i18next";
import { api } from "@/api/client";
import { percent } from "@/i18n/format";
import { useHubWords } from "@/i18n/hub";
import { Button } from "@/ui/button";
import { Card } from "@/ui/card";
import { Note } from "@/ui/note";
import { Progress } from "@/ui/progress";
import { useLiveJob, usePollMs } from "../live-job";
import { isOver } from "../state-badge";

/** A version while the hub reads its file, and why it was refused when it was. */
export function PendingVersion({
  id,
  onAccepted,
  onClose,
}: {
  id: string;
  onAccepted: () => void;
  onClose: () => void;
}) {
  const { t } = useTranslation();
  const inWords = useHubWords();
  const pollMs = usePollMs();
  const query = useQuery({
    ...api.queryOptions("get", "/api/v1/dataset-versions/{version_id}", { params: { path: { version_id: id } } }),
    refetchInterval: (of) => (of.state.data && isOver(of.state.data.state) ? false : pollMs),
  });
  const version = query.data;
  const progress = useLiveJob(version && !isOver(version.state) ? version.job_id : null, () => void query.refetch());
  const accepted = version?.state === "accepted";
  useEffect(() => {
    if (accepted) onAccepted();
  }, [accepted]);
  if (accepted) return null;
  if (version?.state === "rejected") {
    return (
      <Note tone="bad" className="mb-4">
        <p className="font-medium">{t("dataset.rejected", { file: version.file_name })}</p>
        <p>{inWords(String(version.error?.detail ?? version.error?.title ?? t("failed.unknown")))}</p>
        <Button className="mt-2" onClick={onClose}>
          {t("action.close")}
        </Button>
      </Note>
    );
  }
  return (
    <Card className="mb-4">
      <div className="mb-2 flex items-baseline justify-between gap-3 text-sm">
        <span aria-live="polite">
          {inWords(progress?.note ?? "") || t("dataset.reading", { file: version?.file_name ?? "…" })}
        </span>
        <span className="num text-fg-2">{progress ? percent(progress.fraction) : ""}</span>
      </div>
      <Progress label={t("dataset.readingShort")} fraction={progress ? progress.fraction : null} />
    </Card>
  );
}
