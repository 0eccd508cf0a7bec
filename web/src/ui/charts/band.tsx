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
  const values = points.flatMap(({ value }) => (value === null ? [] : [value]));
  if (!values.length) return null;
  const lowest = Math.min(...values);
  const highest = Math.max(...values);
  const span = highest - lowest;
  const band = points.flatMap(({ low, high }) => (low === null || high === null ? [] : [low, high]));
  // a very wide band is cut, or the values would lie on one line
  const least = Math.max(Math.min(lowest, ...band), span ? lowest - span : Number.NEGATIVE_INFINITY);
  const most = Math.min(Math.max(highest, ...band), span ? highest + span : Number.POSITIVE_INFINITY);
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
          const shade = area<BandPoint>()
            .defined(({ low, high }) => low !== null && high !== null)
            .x((_, place) => x(place))
            .y0(({ low }) => y(Math.max(low ?? 0, least)))
            .y1(({ high }) => y(Math.min(high ?? 0, most)));
          const path = line<BandPoint>()
            .defined(({ value }) => value !== null)
            .x((_, place) => x(place))
            .y(({ value }) => y(value ?? 0));
          return (
            <>
              <path d={shade(points) ?? ""} fill="var(--line-strong)" opacity={0.35} />
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
