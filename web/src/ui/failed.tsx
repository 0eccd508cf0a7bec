import { TriangleAlert } from "lucide-react";
import { useTranslation } from "react-i18next";
import { Button } from "./button";

/** What went wrong in plain words, and a way to try again. */
export function Failed({ error, retry }: { error: unknown; retry?: () => void }) {
  const { t } = useTranslation();
  const words = error instanceof Error ? error.message : t("failed.unknown");
  return (
    <div role="alert" className="card flex flex-wrap items-start gap-3 p-4">
      <TriangleAlert size={18} aria-hidden className="mt-0.5 shrink-0 text-bad" />
      <div className="min-w-0 flex-1">
        <p className="font-semibold">{t("failed.title")}</p>
        <p className="break-words text-fg-2">{words}</p>
      </div>
      {retry ? <Button onClick={retry}>{t("action.tryAgain")}</Button> : null}
    </div>
  );
}
