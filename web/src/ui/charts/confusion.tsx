import { useTranslation } from "react-i18next";
import { count } from "@/i18n/format";

/** Rows are what it was, columns what was predicted; shades by the share of the row. */
export function Confusion({ labels, counts }: { labels: string[]; counts: number[][] }) {
  const { t } = useTranslation();
  return (
    <div className="overflow-x-auto" tabIndex={0} role="group" aria-label={t("model.confusion")}>
      <table className="w-full border-separate border-spacing-1 text-sm">
        <thead>
          <tr>
            <td />
            {labels.map((label) => (
              <th key={label} scope="col" className="px-2 py-1 text-center font-medium text-fg-2">
                {t("model.predictedAs", { label })}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {counts.map((row, index) => {
            const total = row.reduce((sum, one) => sum + one, 0) || 1;
            return (
              <tr key={labels[index]}>
                <th scope="row" className="px-2 py-1 text-right font-medium whitespace-nowrap text-fg-2">
                  {t("model.was", { label: labels[index] })}
                </th>
                {row.map((one, column) => {
                  const share = Math.round((100 * one) / total);
                  const color = column === index ? "var(--c1)" : "var(--c2)";
                  return (
                    <td
                      key={labels[column]}
                      className="num h-12 min-w-16 rounded-md px-2 text-center text-base font-semibold"
                      style={{
                        background: `color-mix(in oklab, ${color} ${Math.round(6 + share * 0.34)}%, var(--surface))`,
                      }}
                    >
                      {count(one)}
                    </td>
                  );
                })}
              </tr>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}
