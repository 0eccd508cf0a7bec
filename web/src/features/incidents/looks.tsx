import { CircleAlert, Info, type LucideIcon, TriangleAlert } from "lucide-react";
import { useTranslation } from "react-i18next";
import { Badge, type Tone } from "@/ui/badge";
import { cn } from "@/ui/cn";
import type { Incident } from "./acting";

const SEVERITY: Record<Incident["severity"], { icon: LucideIcon; tone: string }> = {
  info: { icon: Info, tone: "text-accent-text" },
  warning: { icon: TriangleAlert, tone: "text-warn" },
  critical: { icon: CircleAlert, tone: "text-bad" },
};
const STATE: Record<"open" | "acknowledged" | "snoozed" | "resolved", Tone> = {
  open: "bad",
  acknowledged: "accent",
  snoozed: "neutral",
  resolved: "ok",
};

/** How grave it is, by its shape, its colour and for whoever hears the page. */
export function SeverityIcon({ severity, className }: { severity: Incident["severity"]; className?: string }) {
  const { t } = useTranslation();
  const { icon: Icon, tone } = SEVERITY[severity];
  return (
    <span className={cn("shrink-0", tone, className)} title={t(`incident.severity.${severity}`)}>
      <Icon size={17} aria-hidden />
      <span className="sr-only">{t(`incident.severity.${severity}`)}</span>
    </span>
  );
}

export const restsNow = (incident: Incident, now = Date.now()) =>
  incident.snoozed_until !== null && Date.parse(incident.snoozed_until) > now;

export function IncidentState({ incident }: { incident: Incident }) {
  const { t } = useTranslation();
  const state = restsNow(incident) ? "snoozed" : incident.state;
  const late = incident.state !== "resolved" && (incident.resolve_breached_at ?? incident.acknowledge_breached_at);
  return (
    <>
      <Badge tone={STATE[state]}>{t(`incident.state.${state}`)}</Badge>
      {late ? <Badge tone="warn">{t("incident.overdue")}</Badge> : null}
    </>
  );
}
