import { AlarmClock, CircleCheck, Hand } from "lucide-react";
import { useTranslation } from "react-i18next";
import { Button } from "@/ui/button";

type Props = {
  all: number;
  chosen: number;
  onAll: (all: boolean) => void;
  onAct: (step: "acknowledge" | "snooze" | "resolve") => void;
};

/** Chooses all, and acts on those that are chosen. */
export function BulkBar({ all, chosen, onAll, onAct }: Props) {
  const { t } = useTranslation();
  return (
    <div className="flex min-h-11 flex-wrap items-center justify-between gap-2 border-b border-line px-4 py-1.5">
      <label className="flex min-h-8 cursor-pointer items-center gap-3 text-sm text-fg-2 pointer-coarse:min-h-11">
        <input
          type="checkbox"
          className="size-4 accent-accent"
          checked={chosen === all}
          ref={(box) => {
            if (box) box.indeterminate = chosen > 0 && chosen < all;
          }}
          onChange={(event) => onAll(event.target.checked)}
        />
        <span aria-live="polite">{chosen ? t("incident.chosen", { count: chosen }) : t("incident.chooseAll")}</span>
      </label>
      {chosen ? (
        <div className="flex flex-wrap items-center gap-2">
          <Button onClick={() => onAct("acknowledge")}>
            <Hand size={15} aria-hidden />
            {t("incident.acknowledge")}
          </Button>
          <Button onClick={() => onAct("snooze")}>
            <AlarmClock size={15} aria-hidden />
            {t("incident.snoozeDay")}
          </Button>
          <Button onClick={() => onAct("resolve")}>
            <CircleCheck size={15} aria-hidden />
            {t("incident.resolve")}
          </Button>
        </div>
      ) : null}
    </div>
  );
}
