import { scaleLinear } from "d3-scale";
import { curveStepAfter, line } from "d3-shape";
import { percent, short } from "@/i18n/format";
import { Axes, Chart, DASHES, Legend, SERIES } from "./frame";

export type Counted = { name: string; edges: number[]; counts: number[] };
type Props = {
  label: string;
  description: string;
  now: Counted;
  before: Counted;
  rangeName: string;
  edgeText?: (edge: number) => string;
  height?: number;
};

/** The share of each bin by its width, so that histograms of other edges can be compared by their areas. */
export function densities({ edges, counts }: Counted): number[] {
  const total = counts.reduce((sum, one) => sum + one, 0) || 1;
  return counts.map((one, bin) => one / total / ((edges[bin + 1] ?? 0) - (edges[bin] ?? 0) || 1));
}

/** Two histograms over each other, each with edges of its own: the first as bars, the other as a dashed line. */
export function Overlay({ label, description, now, before, rangeName, edgeText = short, height = 200 }: Props) {
  const series = [now, before].map((one) => ({ ...one, heights: densities(one) }));
  const all = series.flatMap((one) => one.edges);
  const top = Math.max(...series.flatMap((one) => one.heights), 0) || 1;
  const rows = series.flatMap((one) => {
    const total = one.counts.reduce((sum, value) => sum + value, 0) || 1;
    return one.counts.map((value, bin) => [
      one.name,
      `${edgeText(one.edges[bin] ?? 0)} – ${edgeText(one.edges[bin + 1] ?? 0)}`,
      percent(value / total),
    ]);
  });
  return (
    <>
      <Legend
        items={series.map((one, place) => ({
          name: one.name,
          color: SERIES[place] ?? "var(--c1)",
          dash: DASHES[place],
        }))}
      />
      <Chart
        label={label}
        description={description}
        height={height}
        columns={["", rangeName, "%"]}
        rows={rows}
        draw={(plot) => {
          const x = scaleLinear([Math.min(...all), Math.max(...all)], [plot.left, plot.right]);
          const y = scaleLinear([0, top], [plot.bottom, plot.top + 6]);
          const outline = line<[number, number]>()
            .x(([edge]) => x(edge))
            .y(([, value]) => y(value))
            .curve(curveStepAfter);
          const [bars, dashed] = series;
          if (!bars || !dashed) return null;
          const ends = dashed.edges.map((edge, bin): [number, number] => [edge, dashed.heights[bin] ?? 0]);
          const first = dashed.edges[0] ?? 0;
          return (
            <>
              {/* heights are shares by width and say nothing as figures */}
              <Axes
                plot={plot}
                x={x}
                y={Object.assign((value: number) => y(value), { ticks: () => [] })}
                xText={edgeText}
              />
              {bars.heights.map((value, bin) => {
                const from = x(bars.edges[bin] ?? 0);
                const to = x(bars.edges[bin + 1] ?? 0);
                return (
                  <rect
                    key={bin}
                    x={from + 0.5}
                    width={Math.max(1, to - from - 1)}
                    y={y(value)}
                    height={y(0) - y(value)}
                    rx={1.5}
                    fill={SERIES[0]}
                    opacity={0.85}
                  />
                );
              })}
              <path
                d={outline([[first, 0], ...ends]) ?? ""}
                fill="none"
                stroke={SERIES[1]}
                strokeWidth={2}
                strokeDasharray={DASHES[1]}
              />
            </>
          );
        }}
      />
    </>
  );
}
