import { scaleLinear } from "d3-scale";
import { curveStepAfter, line } from "d3-shape";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { count, short } from "@/i18n/format";
import { Axes, Chart, TICK } from "./frame";

type Props = {
  name: string;
  edges: number[];
  counts: number[];
  /** Of an earlier version, over the same edges. */
  reference?: number[];
  edgeText?: (edge: number) => string;
  height?: number;
};

export function Histogram({ name, edges, counts, reference, edgeText = short, height = 200 }: Props) {
  const { t } = useTranslation();
  const [hovered, setHovered] = useState<number | null>(null);
  const total = counts.reduce((sum, one) => sum + one, 0);
  const peak = counts.indexOf(Math.max(...counts));
  const between = (bin: number) => `${edgeText(edges[bin] ?? 0)} – ${edgeText(edges[bin + 1] ?? 0)}`;
  return (
    <Chart
      label={t("chart.distribution", { name })}
      description={t("chart.distributionText", { total: count(total), most: between(peak) })}
      height={height}
      columns={[t("chart.range"), t("chart.count")]}
      rows={counts.map((one, bin) => [between(bin), count(one)])}
      draw={(plot) => {
        const x = scaleLinear([edges[0] ?? 0, edges.at(-1) ?? 1], [plot.left, plot.right]);
        const y = scaleLinear([0, Math.max(1, ...counts, ...(reference ?? []))], [plot.bottom, plot.top + 6]).nice(4);
        const steps = line<number>()
          .x((_, bin) => x(edges[Math.min(bin, edges.length - 1)] ?? 0))
          .y((value) => y(value))
          .curve(curveStepAfter);
        return (
          <>
            <Axes plot={plot} x={x} y={y} xText={edgeText} />
            {counts.map((one, bin) => {
              const from = x(edges[bin] ?? 0);
              const to = x(edges[bin + 1] ?? 0);
              return (
                <g key={bin} onPointerEnter={() => setHovered(bin)} onPointerLeave={() => setHovered(null)}>
                  <rect x={from} width={to - from} y={plot.top} height={plot.bottom - plot.top} fill="transparent" />
                  <rect
                    x={from + 0.5}
                    width={Math.max(1, to - from - 1)}
                    y={y(one)}
                    height={y(0) - y(one)}
                    rx={1.5}
                    fill="var(--c1)"
                    opacity={hovered === null || hovered === bin ? 0.9 : 0.45}
                  />
                </g>
              );
            })}
            {reference ? (
              <path
                d={steps([...reference, reference.at(-1) ?? 0]) ?? ""}
                fill="none"
                stroke="var(--c2)"
                strokeWidth={1.75}
                strokeDasharray="6 3"
                pointerEvents="none"
              />
            ) : null}
            {hovered === null ? null : (
              <text {...TICK} fill="var(--fg)" x={plot.right} y={plot.top} textAnchor="end">
                {`${between(hovered)}: ${count(counts[hovered] ?? 0)}`}
              </text>
            )}
          </>
        );
      }}
    />
  );
}
