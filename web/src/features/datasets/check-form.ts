import type { Api } from "@/api/client";
import type { Definition } from "./check-words";

export type Kind = Api["CheckKind"];
export type KindField = Api["CheckField"];
export type Column = Api["ColumnOut"];

/** What every kind has besides its own fields, and what each is when nobody says it. */
const OF_ALL: Definition = { id: "", severity: "error", blocking: null, tags: [], owner: "" };
const NUMBERS = new Set(["integer", "float"]);

/** A definition in the order one reads it, without what is as it would be anyway. */
export function cleaned(definition: Definition, kind: Kind | undefined): Definition {
  const defaults = new Map(kind?.fields.filter((one) => !one.required).map((one) => [one.name, one.default]));
  const own = kind?.fields.map((one) => one.name) ?? Object.keys(definition).filter((name) => !(name in OF_ALL));
  const kept: Definition = { kind: definition.kind };
  for (const name of [...own, ...Object.keys(OF_ALL)]) {
    const value = definition[name];
    const usual = name in OF_ALL ? OF_ALL[name] : defaults.get(name);
    if (name !== "kind" && !isNothing(value) && JSON.stringify(value) !== JSON.stringify(usual)) kept[name] = value;
  }
  // what somebody wrote and no field knows is the hub's to refuse
  for (const [name, value] of Object.entries(definition)) {
    if (!(name in kept) && !own.includes(name) && !(name in OF_ALL)) kept[name] = value;
  }
  return kept;
}

const isNothing = (value: unknown) =>
  value === undefined || value === null || value === "" || (Array.isArray(value) && value.length === 0);

/** A new check of a kind, with what of another one it can keep; columns are filled in where there is only one guess. */
export function begun(kind: Kind, before: Definition, columns: Column[]): Definition {
  const next: Definition = { kind: kind.kind };
  for (const name of ["severity", "blocking", "tags", "owner"]) if (name in before) next[name] = before[name];
  for (const field of kind.fields) {
    if (field.names_columns && field.name in before) next[field.name] = before[field.name];
    else if (field.required && field.type === "expected_columns") {
      next[field.name] = columns.map(({ name, type }) => ({ name, type }));
    } else if (field.required && field.choices.length) next[field.name] = field.choices[0];
  }
  return next;
}

/** Whether all that a kind asks for is there, so that it is worth trying. */
export const isFilled = (definition: Definition, kind: Kind | undefined) =>
  kind?.fields.every((field) => !field.required || !isNothing(definition[field.name])) ?? false;

/** A field's value as text of its control. */
export function writtenField(field: KindField, value: unknown): string {
  if (isNothing(value)) return "";
  if (field.type === "values" && Array.isArray(value)) return value.map(String).join("\n");
  if (field.type === "texts" && Array.isArray(value)) return value.map(String).join(", ");
  if (field.type === "expected_columns" && Array.isArray(value)) {
    return value.map(({ name, type }) => (type ? `${name} ${type}` : String(name))).join("\n");
  }
  return String(value);
}

/** What a text in a field's control means; undefined for nothing. `type` is that of the column which is checked. */
export function readField(field: KindField, text: string, type: string | undefined): unknown {
  const lines = text
    .split("\n")
    .map((one) => one.trim())
    .filter(Boolean);
  if (!lines.length) return undefined;
  switch (field.type) {
    case "number":
    case "whole_number":
      return Number.isNaN(Number(text)) ? text : Number(text);
    case "number_or_text":
      return asColumn(text.trim(), type);
    case "values":
      return lines.map((line) => asColumn(line, type));
    case "texts":
      return text
        .split(",")
        .map((one) => one.trim())
        .filter(Boolean);
    case "expected_columns":
      return lines.map((line) => {
        const [, name = line, type] = /^(.+?)\s+([a-z_]+)$/.exec(line) ?? [];
        return type ? { name, type } : { name };
      });
    default:
      return text;
  }
}

function asColumn(text: string, type: string | undefined): unknown {
  if (type === "boolean") return text === "true" ? true : text === "false" ? false : text;
  const isNumber = type !== undefined && NUMBERS.has(type) && text !== "" && !Number.isNaN(Number(text));
  return isNumber ? Number(text) : text;
}
