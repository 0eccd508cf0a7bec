import { expect, test } from "vitest";
import { readTried, writtenColumns } from "./schema-text";

test("columns are read a line, and written as they are read", () => {
  const text = "carrier string required\narrival delay float\n";
  const columns = [
    { name: "carrier", type: "string", nullable: false },
    { name: "arrival delay", type: "float", nullable: true },
  ];
  expect(readTried(text)).toEqual({ columns });
  expect(`${writtenColumns(columns)}\n`).toBe(text);
});

test("a name may be called like a type, and stand before a colon", () => {
  expect(readTried("required: date required")).toEqual({
    columns: [{ name: "required", type: "date", nullable: false }],
  });
});

test("an Avro schema is sent as it is", () => {
  expect(readTried(' {"type": "record"} ')).toEqual({ avro: '{"type": "record"}' });
});

test("the line that is no column is named", () => {
  expect(readTried("\na integer\nb number")).toEqual({ line: 3 });
  expect(readTried(" \n")).toEqual({ line: 0 });
});
