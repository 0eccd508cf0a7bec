import { scaleLinear } from "d3-scale";
import { area, line } from "d3-shape";
import { figure } from "@/i18n/format";
import { Axes, Chart, Legend } from "./frame";

export type BandPoint = {
  /** What stands below it, such as its day. */
  name: string;
  value: number | null;
  low: number | null;
  high: number | null;
  /** Odd until somebody has said that it was expected. */
  look: "usual" | "odd" | "expected";
};
type Words = { value: string; band: string; point: string; odd: string };
type Props = { label: string; description: string; points: BandPoint[]; words: Words; height?: number };

/** Values in order, one place each, before the band they were expected in; an odd one is a filled diamond. */
export function BandChart({ label, description, points, words, height = 260 }: Props) {
  const heights = points.flatMap(({ value, low, high }) => [value, low, high]).filter((one) => one !== null);
  const least = Math.min(...heights, Number.POSITIVE_INFINITY);
  const most = Math.max(...heights, Number.NEGATIVE_INFINITY);
  if (!heights.length) return null;
  // a value that never changes still needs a height
  const apart = most > least ? 0 : Math.abs(most) * 0.1 || 1;
  const text = (value: number | null) => (value === null ? "" : figure(value));
  return (
    <>
      <Legend
        items={[
          { name: words.value, color: "var(--c1)" },
          { name: words.band, color: "var(--line-strong)" },
        ]}
      />
      <Chart
        label={label}
        description={description}
        height={height}
        columns={[words.point, words.value, words.band, words.odd]}
        rows={points.map(({ name, value, low, high, look }) => [
          name,
          text(value),
          low === null || high === null ? "" : `${figure(low)} – ${figure(high)}`,
          look === "odd" ? "×" : "",
        ])}
        draw={(plot) => {
          const x = scaleLinear([0, Math.max(1, points.length - 1)], [plot.left + 6, plot.right - 6]);
          const y = scaleLinear([least - apart, most + apart], [plot.bottom - 6, plot.top + 8]).nice(4);
          const band = area<BandPoint>()
            .defined(({ low, high }) => low !== null && high !== null)
            .x((_, place) => x(place))
            .y0(({ low }) => y(low ?? 0))
            .y1(({ high }) => y(high ?? 0));
          const path = line<BandPoint>()
            .defined(({ value }) => value !== null)
            .x((_, place) => x(place))
            .y(({ value }) => y(value ?? 0));
          return (
            <>
              <path d={band(points) ?? ""} fill="var(--line-strong)" opacity={0.35} />
              <Axes plot={plot} x={x} y={y} xText={(place) => points[place]?.name ?? ""} />
              <path d={path(points) ?? ""} fill="none" stroke="var(--c1)" strokeWidth={2} />
              {points.map((point, place) =>
                point.value === null || point.look === "usual" ? null : (
                  <rect
                    key={place}
                    x={-5}
                    y={-5}
                    width={10}
                    height={10}
                    transform={`translate(${x(place)} ${y(point.value)}) rotate(45)`}
                    fill={point.look === "odd" ? "var(--bad)" : "var(--surface)"}
                    stroke="var(--bad)"
                    strokeWidth={1.5}
                  />
                ),
              )}
            </>
          );
        }}
      />
    </>
  );
}
