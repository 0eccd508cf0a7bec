import { CloudOff, RefreshCw } from "lucide-react";
import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { useLastSeen } from "@/api/freshness";
import { ago } from "@/i18n/format";
import { Button } from "@/ui/button";
import { takeUpdate, whenUpdated } from "./worker";

/** What holds for every page: what is shown was seen last, or a newer version of the app is ready. */
export function Notices() {
  const { t } = useTranslation();
  const seen = useLastSeen();
  const [newer, setNewer] = useState(false);
  useEffect(() => whenUpdated(() => setNewer(true)), []);
  return (
    <div aria-live="polite">
      {seen === null ? null : (
        <p className="flex items-center gap-2 border-b border-line bg-warn-soft px-4 py-2 text-sm md:px-6">
          <CloudOff size={15} aria-hidden className="text-warn" />
          {seen ? t("notice.lastSeen", { when: ago(seen) }) : t("notice.lastSeenSome")}
        </p>
      )}
      {newer ? (
        <div className="flex flex-wrap items-center gap-2 border-b border-line bg-accent-soft px-4 py-2 text-sm md:px-6">
          <RefreshCw size={15} aria-hidden className="text-accent-text" />
          <span className="min-w-0 flex-1">{t("notice.newer")}</span>
          <Button onClick={takeUpdate}>{t("notice.load")}</Button>
        </div>
      ) : null}
    </div>
  );
}
