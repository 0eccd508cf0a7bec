import { Plus, X } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { Api } from "@/api/client";
import { Button } from "@/ui/button";
import { TextField } from "@/ui/field";
import { SelectField } from "@/ui/select";
import { type Filter, hasValue, opsOf } from "./row-query";

type Props = { columns: Api["ColumnOut"][]; filters: Filter[]; onChange: (filters: Filter[]) => void };

/** The filters there are, and a row of fields that adds one. */
export function RowFilters({ columns, filters, onChange }: Props) {
  const { t } = useTranslation();
  const [column, setColumn] = useState(columns[0]?.name ?? "");
  const ops = opsOf(columns.find((one) => one.name === column)?.type ?? "string");
  const [wanted, setOp] = useState<Filter["op"]>("equals");
  const op = ops.includes(wanted) ? wanted : "equals";
  const [value, setValue] = useState("");
  const worded = (one: Filter) => `${one.column} ${t(`rows.op.${one.op}`)} ${hasValue(one.op) ? one.value : ""}`.trim();
  return (
    <div className="mb-3 space-y-3">
      <form
        aria-label={t("rows.filter")}
        className="grid grid-cols-2 items-end gap-2 sm:grid-cols-[minmax(8rem,14rem)_minmax(8rem,11rem)_minmax(8rem,16rem)_auto] sm:justify-start"
        onSubmit={(event) => {
          event.preventDefault();
          onChange([...filters, { column, op, value: hasValue(op) ? value : "" }]);
          setValue("");
        }}
      >
        <SelectField
          label={t("rows.column")}
          value={column}
          options={columns.map((one) => ({ value: one.name, label: one.name }))}
          onChange={(event) => setColumn(event.target.value)}
        />
        <SelectField
          label={t("rows.condition")}
          value={op}
          options={ops.map((one) => ({ value: one, label: t(`rows.op.${one}`) }))}
          onChange={(event) => setOp(ops.find((one) => one === event.target.value) ?? "equals")}
        />
        <TextField
          label={t("rows.value")}
          value={hasValue(op) ? value : ""}
          disabled={!hasValue(op)}
          maxLength={1000}
          autoComplete="off"
          onChange={(event) => setValue(event.target.value)}
        />
        <Button type="submit" disabled={!column}>
          <Plus size={15} aria-hidden />
          {t("rows.add")}
        </Button>
      </form>
      {filters.length ? (
        <ul aria-label={t("rows.filters")} className="flex flex-wrap gap-1.5">
          {filters.map((one, place) => (
            <li
              key={`${place} ${worded(one)}`}
              className="flex min-w-0 items-center rounded-md border border-line bg-surface pl-2 text-sm"
            >
              <span className="min-w-0 break-words">{worded(one)}</span>
              <Button
                kind="ghost"
                size="icon"
                aria-label={t("rows.remove", { filter: worded(one) })}
                onClick={() => onChange(filters.filter((_, at) => at !== place))}
              >
                <X size={14} aria-hidden />
              </Button>
            </li>
          ))}
        </ul>
      ) : null}
    </div>
  );
}
