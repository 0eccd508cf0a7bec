export type Input = {
  name: string;
  type: "number" | "integer" | "boolean" | "category" | "date" | "timestamp";
  required: boolean;
  example: string | number | boolean | null;
  choices: string[];
};
/** What `signature` of a model version holds. */
export type Signature = {
  inputs: Input[];
  target: string;
  task: "binary" | "multiclass" | "regression";
  classes: (string | number | boolean)[];
};
export type Row = Record<string, string | number | boolean | null>;
export type Prediction = { label?: string | number | boolean; probabilities?: Record<string, number>; value?: number };

/** What a form's text stands for; an empty field is a missing value. */
export function columnValue(input: Input, text: string): Row[string] {
  if (text === "") return null;
  if (input.type === "boolean") return text === "true";
  if (input.type === "number" || input.type === "integer") {
    const number = Number(text);
    return Number.isFinite(number) ? number : text;
  }
  return text;
}

export function rowOf(inputs: Input[], texts: Record<string, string>): Row {
  return Object.fromEntries(inputs.map((input) => [input.name, columnValue(input, texts[input.name] ?? "")]));
}

export const textsOf = (inputs: Input[]) =>
  Object.fromEntries(inputs.map((input) => [input.name, input.example === null ? "" : String(input.example)]));

export const curlOf = (address: string, row: Row) =>
  `curl ${address} \\
  -H "Authorization: Bearer $LYCEUM_API_KEY" \\
  -H "Content-Type: application/json" \\
  -d '${JSON.stringify({ rows: [row] }).replaceAll("'", "'\\''")}'`;

export const pythonOf = (hub: string, model: string, row: Row) =>
  `import os

from lyceum_client import Client

hub = Client(${JSON.stringify(hub)}, os.environ["LYCEUM_API_KEY"])
row = ${python(row)}
print(hub.models.predict(${JSON.stringify(model)}, [row]).predictions[0])`;

function python(row: Row): string {
  const values = Object.entries(row).map(([name, value]) => `    ${JSON.stringify(name)}: ${literal(value)},`);
  return `{\n${values.join("\n")}\n}`;
}

function literal(value: Row[string]): string {
  if (value === null) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  return JSON.stringify(value);
}
