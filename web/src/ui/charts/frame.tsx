import { type ReactNode, useEffect, useId, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { short } from "@/i18n/format";

/** Where the plot lies within the picture. */
export type Plot = { width: number; height: number; left: number; right: number; top: number; bottom: number };
export type Scale = { (value: number): number; ticks(count?: number): number[] };

export const TICK = { fill: "var(--fg-3)", fontSize: 11 } as const;
export const SERIES = ["var(--c1)", "var(--c2)", "var(--c3)", "var(--c4)", "var(--c5)", "var(--c6)"];
export const DASHES = [undefined, "6 4", "2 3", "8 3 2 3", "1 3", "10 4"];

type Props = {
  label: string;
  /** What the picture shows, for who cannot see it. */
  description: string;
  height: number;
  draw: (plot: Plot) => ReactNode;
  columns?: string[];
  rows?: (string | number)[][];
  left?: number;
};

/** A picture as wide as its place, with words and a table that say the same. */
export function Chart({ label, description, height, draw, columns, rows, left = 44 }: Props) {
  const { t } = useTranslation();
  const [ref, width] = useWidth();
  const id = useId();
  return (
    <figure className="min-w-0">
      <div ref={ref} style={{ height }}>
        {width > 0 ? (
          <svg
            width={width}
            height={height}
            role="img"
            aria-labelledby={`${id}-title`}
            aria-describedby={`${id}-text`}
            className="num block overflow-visible"
          >
            <title id={`${id}-title`}>{label}</title>
            <desc id={`${id}-text`}>{description}</desc>
            {draw({ width, height, left, right: width - 10, top: 10, bottom: height - 30 })}
          </svg>
        ) : null}
      </div>
      {columns && rows ? (
        <details className="mt-1 text-sm">
          <summary className="w-fit cursor-pointer text-fg-2 hover:text-fg pointer-coarse:py-3">
            {t("chart.asTable")}
          </summary>
          <div className="mt-2 max-h-56 overflow-auto" tabIndex={0} role="region" aria-label={label}>
            <table className="num w-full text-left text-sm">
              <thead>
                <tr>
                  {columns.map((column) => (
                    <th key={column} scope="col" className="pr-3 font-medium text-fg-2">
                      {column}
                    </th>
                  ))}
                </tr>
              </thead>
              <tbody>
                {rows.map((row, index) => (
                  <tr key={index}>
                    {row.map((cell, at) => (
                      <td key={at} className="pr-3">
                        {cell}
                      </td>
                    ))}
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        </details>
      ) : null}
    </figure>
  );
}

function useWidth() {
  const ref = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(0);
  useEffect(() => {
    const observer = new ResizeObserver(([entry]) => entry && setWidth(Math.round(entry.contentRect.width)));
    if (ref.current) observer.observe(ref.current);
    return () => observer.disconnect();
  }, []);
  return [ref, width] as const;
}

type AxesProps = {
  plot: Plot;
  x: Scale;
  y: Scale;
  xLabel?: string;
  yLabel?: string;
  xText?: (value: number) => string;
};

export function Axes({ plot, x, y, xLabel, yLabel, xText = short }: AxesProps) {
  const wide = xText === short ? 60 : 110;
  const many = Math.max(2, Math.floor((plot.right - plot.left) / wide));
  return (
    <g>
      {y.ticks(4).map((value) => (
        <g key={value}>
          <line x1={plot.left} x2={plot.right} y1={y(value)} y2={y(value)} stroke="var(--grid)" />
          <text {...TICK} x={plot.left - 8} y={y(value)} dy="0.35em" textAnchor="end">
            {short(value)}
          </text>
        </g>
      ))}
      {x.ticks(many).map((value) => (
        <text key={value} {...TICK} x={x(value)} y={plot.bottom + 15} textAnchor="middle">
          {xText(value)}
        </text>
      ))}
      <line x1={plot.left} x2={plot.right} y1={plot.bottom} y2={plot.bottom} stroke="var(--line-strong)" />
      {xLabel ? (
        <text {...TICK} x={plot.right} y={plot.bottom + 28} textAnchor="end">
          {xLabel}
        </text>
      ) : null}
      {yLabel ? (
        <text {...TICK} x={plot.left} y={plot.top - 2}>
          {yLabel}
        </text>
      ) : null}
    </g>
  );
}

/** Which line is which, also without colours. */
export function Legend({
  items,
}: {
  items: { name: string; value?: string; color: string; dash?: string | undefined }[];
}) {
  return (
    <ul className="mb-2 flex flex-wrap gap-x-5 gap-y-1 text-sm">
      {items.map((item) => (
        <li key={item.name} className="flex items-center gap-2">
          <svg width="18" height="6" aria-hidden="true">
            <line x1="0" x2="18" y1="3" y2="3" stroke={item.color} strokeWidth="2.5" strokeDasharray={item.dash} />
          </svg>
          <span className="text-fg-2">{item.name}</span>
          {item.value ? <span className="num font-medium">{item.value}</span> : null}
        </li>
      ))}
    </ul>
  );
}
