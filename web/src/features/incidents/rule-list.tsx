import { ArrowDown, ArrowUp, Pencil, Send, Trash2 } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { type Api, queryClient } from "@/api/client";
import { saidBy } from "@/api/problem";
import { duration } from "@/i18n/format";
import { Badge } from "@/ui/badge";
import { Button } from "@/ui/button";
import { Checkbox } from "@/ui/checkbox";
import { Confirm } from "@/ui/confirm";
import { toast } from "@/ui/toast";
import {
  asWanted,
  changeRule,
  DAYS,
  moved,
  orderRules,
  type Rule,
  removeRule,
  rulesAnew,
  rulesKey,
  TAGS,
  testRule,
} from "./rules";

type List = Api["AlertRuleList"];
type Props = { org: string; list: List; onEdit: (rule: Rule) => void };

/** The rules in the order in which they are asked. */
export function RuleList({ org, list, onEdit }: Props) {
  const { t } = useTranslation();
  const [removing, setRemoving] = useState<Rule | null>(null);
  const ids = list.items.map((one) => one.id);
  const move = async (rule: Rule, by: -1 | 1) => {
    const order = moved(ids, rule.id, by);
    const items = order.map((id) => list.items.find((one) => one.id === id)).filter((one) => one !== undefined);
    queryClient.setQueryData<List>(rulesKey(org), { ...list, items });
    try {
      await orderRules(org, order);
    } catch (error) {
      toast(saidBy(error), { tone: "bad" });
    } finally {
      await rulesAnew(org);
    }
  };
  return (
    <>
      <ol aria-label={t("alert.title")} className="divide-y divide-line">
        {list.items.map((rule, place) => (
          <Row
            key={rule.id}
            org={org}
            rule={rule}
            destinations={list.destinations}
            isFirst={place === 0}
            isLast={place === ids.length - 1}
            onMove={(by) => void move(rule, by)}
            onEdit={() => onEdit(rule)}
            onRemove={() => setRemoving(rule)}
          />
        ))}
      </ol>
      <Confirm
        open={removing !== null}
        onClose={() => setRemoving(null)}
        title={t("alert.remove", { name: removing?.name ?? "" })}
        text={t("alert.removeText")}
        action={t("alert.removeAction")}
        onConfirm={async () => {
          if (removing) await removeRule(org, removing);
          await rulesAnew(org);
        }}
      />
    </>
  );
}

type RowProps = {
  org: string;
  rule: Rule;
  destinations: List["destinations"];
  isFirst: boolean;
  isLast: boolean;
  onMove: (by: -1 | 1) => void;
  onEdit: () => void;
  onRemove: () => void;
};

function Row({ org, rule, destinations, isFirst, isLast, onMove, onEdit, onRemove }: RowProps) {
  const { t } = useTranslation();
  const [busy, setBusy] = useState(false);
  // what was pressed stands until the hub's rules say so themselves
  const [wanted, setWanted] = useState<boolean | null>(null);
  const { name } = rule;
  const enabled = wanted ?? rule.enabled;
  const [which, how] = useSaid(rule, destinations);
  const carryOut = async (work: () => Promise<unknown>, said?: string) => {
    setBusy(true);
    try {
      await work();
      if (said) toast(said);
    } catch (error) {
      toast(saidBy(error), { tone: "bad" });
    } finally {
      setBusy(false);
    }
  };
  const turn = (on: boolean) => {
    setWanted(on);
    return carryOut(async () => {
      try {
        await changeRule(org, rule, { ...asWanted(rule), enabled: on });
      } finally {
        await rulesAnew(org);
        setWanted(null);
      }
    });
  };
  return (
    <li className="flex flex-wrap items-center gap-x-3 gap-y-2 px-4 py-3">
      <div className="min-w-0 flex-1 basis-72">
        <p className="flex flex-wrap items-center gap-2 font-medium">
          <span className="min-w-0 break-words">{name}</span>
          {enabled ? null : <Badge>{t("alert.off")}</Badge>}
        </p>
        <p className="text-sm break-words text-fg-2">{which}</p>
        <p className="text-xs break-words text-fg-3">{how}</p>
      </div>
      <div className="flex flex-wrap items-center gap-x-3 gap-y-1 max-sm:w-full">
        <Checkbox
          label={t("alert.turnOn")}
          aria-label={`${t("alert.turnOn")}: ${name}`}
          checked={enabled}
          disabled={busy}
          onChange={(event) => void turn(event.target.checked)}
        />
        <Button busy={busy} onClick={() => void carryOut(() => testRule(org, rule), t("alert.tested", { name }))}>
          <Send size={15} aria-hidden />
          {t("alert.test")}
        </Button>
        <span className="flex gap-1">
          <Button
            kind="ghost"
            size="icon"
            disabled={isFirst}
            aria-label={t("alert.up", { name })}
            onClick={() => onMove(-1)}
          >
            <ArrowUp size={15} aria-hidden />
          </Button>
          <Button
            kind="ghost"
            size="icon"
            disabled={isLast}
            aria-label={t("alert.down", { name })}
            onClick={() => onMove(1)}
          >
            <ArrowDown size={15} aria-hidden />
          </Button>
          <Button kind="ghost" size="icon" aria-label={t("alert.edit", { name })} onClick={onEdit}>
            <Pencil size={15} aria-hidden />
          </Button>
          <Button kind="ghost" size="icon" aria-label={t("alert.remove", { name })} onClick={onRemove}>
            <Trash2 size={15} aria-hidden />
          </Button>
        </span>
      </div>
    </li>
  );
}

/** A rule in two lines: which incidents go to whom, and how. */
function useSaid(rule: Rule, destinations: List["destinations"]): [string, string] {
  const { t } = useTranslation();
  const { conditions, delivery, escalation } = rule;
  const daysOf = (hours: Api["HoursShown"]) => ({
    begins: hours.begins === hours.ends ? "00:00" : hours.begins,
    ends: hours.begins === hours.ends ? "24:00" : hours.ends,
    days: hours.days.length === DAYS.length ? "" : hours.days.map((day) => t(`alert.day.${day}`)).join(", "),
  });
  const named = (to: Rule["to"]) => {
    const destination = destinations.find((one) => one.id === to.destination_id)?.name ?? t("alert.says.gone");
    return [
      to.destination_id ? destination : "",
      to.people.length ? t("alert.says.people", { count: to.people.length }) : "",
    ]
      .filter(Boolean)
      .join(", ");
  };
  const which = [
    conditions.severities.length
      ? conditions.severities.map((one) => t(`incident.severity.${one}`)).join(", ")
      : t("alert.any"),
    conditions.datasets.length ? t("alert.says.datasets", { datasets: conditions.datasets.join(", ") }) : "",
    ...TAGS.map((of) => (conditions[of].length ? t(`alert.says.${of}`, { tags: conditions[of].join(", ") }) : "")),
    conditions.hours ? t("alert.says.hours", daysOf(conditions.hours)) : "",
    `→ ${named(rule.to)}`,
  ];
  const how = [
    t(`alert.group.${delivery.group_by}`),
    delivery.group_seconds ? t("alert.says.gathered", { time: duration(delivery.group_seconds) }) : "",
    delivery.per_hour_max ? t("alert.says.perHour", { count: delivery.per_hour_max }) : "",
    delivery.quiet ? t("alert.says.quiet", daysOf(delivery.quiet)) : "",
    escalation
      ? t("alert.says.escalates", { time: duration(escalation.after_minutes * 60), names: named(escalation.to) })
      : "",
    rule.goes_on ? t("alert.says.goesOn") : "",
  ];
  return [which.filter(Boolean).join(" "), how.filter(Boolean).join(" · ")];
}
