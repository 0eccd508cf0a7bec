import { useTranslation } from "react-i18next";
import type { Api } from "@/api/client";

export type Power = Api["RolePowers"]["powers"][number];

/** What a power lets one do, in words. */
export function usePowerName(): (power: Power) => string {
  const { t } = useTranslation();
  const names: Record<Power, string> = {
    "datasets:read": t("power.datasetsRead"),
    "datasets:write": t("power.datasetsWrite"),
    "runs:read": t("power.runsRead"),
    "runs:write": t("power.runsWrite"),
    "models:read": t("power.modelsRead"),
    "models:write": t("power.modelsWrite"),
    "models:predict": t("power.modelsPredict"),
    "incidents:act": t("power.incidentsAct"),
    "keys:manage": t("power.keysManage"),
    "members:manage": t("power.membersManage"),
    "organisation:manage": t("power.organisationManage"),
    "grants:manage": t("power.grantsManage"),
    "audit:read": t("power.auditRead"),
    "destinations:manage": t("power.destinationsManage"),
    "alerts:manage": t("power.alertsManage"),
    "hub:operate": t("power.hubOperate"),
  };
  return (power) => names[power];
}
