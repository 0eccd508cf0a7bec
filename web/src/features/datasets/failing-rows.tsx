import { useTranslation } from "react-i18next";
import type { Api } from "@/api/client";
import { count } from "@/i18n/format";
import { Cell, HeadCell, Table } from "@/ui/table";

/** Rows that failed, with their numbers from 1. */
export function FailingRows({ rows }: { rows: Api["FailingRow"][] }) {
  const { t } = useTranslation();
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row.values)))];
  return (
    <div className="border-t border-line">
      <Table label={t("check.failingRows")}>
        <thead>
          <tr>
            <HeadCell right className="pl-4">
              {t("check.row")}
            </HeadCell>
            {columns.map((column) => (
              <HeadCell key={column}>{column}</HeadCell>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={row.row}>
              <Cell right className="pl-4">
                {count(row.row)}
              </Cell>
              {columns.map((column) => (
                <Cell key={column} className="mono max-w-60 truncate">
                  {shown(row.values[column])}
                </Cell>
              ))}
            </tr>
          ))}
        </tbody>
      </Table>
    </div>
  );
}

const shown = (value: unknown) =>
  value === null || value === undefined ? "–" : typeof value === "object" ? JSON.stringify(value) : String(value);
