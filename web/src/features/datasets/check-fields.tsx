import { X } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { Button } from "@/ui/button";
import { Checkbox } from "@/ui/checkbox";
import { Combobox } from "@/ui/combobox";
import { TextArea, TextField } from "@/ui/field";
import { SelectField } from "@/ui/select";
import { type Column, type KindField, readField, writtenField } from "./check-form";
import type { Definition } from "./check-words";

type Props = {
  field: KindField;
  definition: Definition;
  columns: Column[];
  onChange: (value: unknown) => void;
};
const OFFERED_MAX = 20;
const CODE = new Set(["pattern", "expression", "when", "then", "query"]);

/** The control of one field of a kind. */
export function CheckField({ field, definition, columns, onChange }: Props) {
  const { t } = useTranslation();
  const label = t(`check.field.${field.name as "column"}`, { defaultValue: field.name });
  const value = definition[field.name];
  if (field.type === "flag") {
    const checked = typeof value === "boolean" ? value : field.default === true;
    return <Checkbox label={label} checked={checked} onChange={(event) => onChange(event.target.checked)} />;
  }
  if (field.type === "choice" || (field.type === "text" && field.names_columns)) {
    const choices = field.choices.length ? field.choices : columns.map((one) => one.name);
    const chosen = String(value ?? field.default ?? "");
    const none = field.required && chosen ? [] : [{ value: "", label: t("check.noColumn") }];
    const known = !chosen || choices.includes(chosen) ? choices : [chosen, ...choices];
    return (
      <SelectField
        label={label}
        value={chosen}
        options={[...(field.choices.length ? [] : none), ...known.map((one) => ({ value: one, label: one }))]}
        onChange={(event) => onChange(event.target.value || undefined)}
      />
    );
  }
  if (field.type === "texts" && field.names_columns) {
    const names = Array.isArray(value) ? value.map(String) : [];
    return <ColumnNames label={label} names={names} columns={columns} onChange={onChange} />;
  }
  return <Typed field={field} label={label} definition={definition} columns={columns} onChange={onChange} />;
}

/** A control that is typed into; what is being typed stays as it is until it means something else. */
function Typed({ field, label, definition, columns, onChange }: Props & { label: string }) {
  const { t } = useTranslation();
  const type = columns.find((one) => one.name === definition.column)?.type;
  const value = definition[field.name];
  const [text, setText] = useState(writtenField(field, value));
  const shown =
    JSON.stringify(readField(field, text, type)) === JSON.stringify(value) ? text : writtenField(field, value);
  const change = (typed: string) => {
    setText(typed);
    onChange(readField(field, typed, type));
  };
  const { type: kind } = field;
  const hint =
    kind === "texts" || kind === "values" || kind === "expected_columns" ? t(`check.hint.${kind}`) : undefined;
  const usual = field.default === null || field.default === undefined ? "" : String(field.default);
  if (kind === "values" || kind === "expected_columns" || field.name === "query") {
    return (
      <TextArea
        label={label}
        hint={hint}
        rows={5}
        spellCheck={false}
        className="mono text-sm"
        value={shown}
        onChange={(event) => change(event.target.value)}
      />
    );
  }
  const isNumber = kind === "number" || kind === "whole_number";
  return (
    <TextField
      label={label}
      hint={hint}
      {...(isNumber ? { type: "number", step: kind === "number" ? "any" : 1, inputMode: "decimal" as const } : {})}
      placeholder={usual}
      spellCheck={false}
      autoComplete="off"
      className={CODE.has(field.name) ? "mono text-sm" : undefined}
      value={shown}
      onChange={(event) => change(event.target.value)}
    />
  );
}

type NamesProps = {
  label: string;
  names: string[];
  columns: Column[];
  onChange: (names: string[] | undefined) => void;
};

function ColumnNames({ label, names, columns, onChange }: NamesProps) {
  const { t } = useTranslation();
  const [words, setWords] = useState("");
  const fits = columns.filter(
    (one) => !names.includes(one.name) && one.name.toLowerCase().includes(words.trim().toLowerCase()),
  );
  return (
    <div className="space-y-2">
      <Combobox
        label={names.length ? t("check.addColumn") : label}
        query={words}
        onQuery={setWords}
        choices={fits.slice(0, OFFERED_MAX).map((one) => ({ id: one.name, label: one.name, detail: one.type }))}
        onPick={({ id }) => {
          setWords("");
          onChange([...names, id]);
        }}
      />
      {names.length ? (
        <ul aria-label={label} className="flex flex-wrap gap-1.5">
          {names.map((name) => (
            <li key={name} className="flex items-center rounded-md border border-line bg-sunken pl-2 text-sm">
              <span className="mono break-all">{name}</span>
              <Button
                kind="ghost"
                size="icon"
                aria-label={t("check.takeOutColumn", { name })}
                onClick={() => {
                  const left = names.filter((one) => one !== name);
                  onChange(left.length ? left : undefined);
                }}
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
