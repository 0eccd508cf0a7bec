import { useTranslation } from "react-i18next";

/** What a kind of notice tells, in words; the kind itself where this app does not know it yet. */
export function useKindName(): (kind: string) => string {
  const { t } = useTranslation();
  const names: Record<string, string> = {
    run_finished: t("destination.kind.runFinished"),
    run_failed: t("destination.kind.runFailed"),
    version_rejected: t("destination.kind.versionRejected"),
    incident: t("destination.kind.incident"),
    incidents: t("destination.kind.incidents"),
    incident_over: t("destination.kind.incidentOver"),
    incident_week: t("destination.kind.incidentWeek"),
    access_asked: t("destination.kind.accessAsked"),
  };
  return (kind) => names[kind] ?? kind;
}
