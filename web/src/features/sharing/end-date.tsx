import { useTranslation } from "react-i18next";
import { TextField } from "@/ui/field";

const DAY_MS = 86_400_000;

/** The last moment of the day that was chosen, where the reader is; null for no end. */
export function endOfDay(day: unknown): string | null {
  if (typeof day !== "string" || day === "") return null;
  const end = new Date(`${day}T23:59:59`);
  return Number.isNaN(end.getTime()) ? null : end.toISOString();
}

const asDay = (at: Date) =>
  [at.getFullYear(), at.getMonth() + 1, at.getDate()].map((part) => String(part).padStart(2, "0")).join("-");

/** The day on which something ends, if it does. */
export function EndDate({ name = "ends" }: { name?: string }) {
  const { t } = useTranslation();
  return (
    <TextField
      name={name}
      type="date"
      label={t("sharing.lastDay")}
      hint={t("sharing.lastDayHint")}
      min={asDay(new Date(Date.now() + DAY_MS))}
    />
  );
}
