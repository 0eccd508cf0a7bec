import { scaleLinear } from "d3-scale";
import { line } from "d3-shape";
import { figure } from "@/i18n/format";
import { Axes, Chart, type Scale } from "./frame";

type Props = {
  label: string;
  description: string;
  points: { x: number; y: number }[];
  xLabel: string;
  yLabel: string;
  height?: number;
  /** Whether x counts from 1, with nothing between two of them. */
  xKind?: "count" | "figure";
};

/** One series of points in order, such as the best score by time. */
export function LineChart({ label, description, points, xLabel, yLabel, height = 200, xKind = "figure" }: Props) {
  const xs = points.map((point) => point.x);
  const ys = points.map((point) => point.y);
  return (
    <Chart
      label={label}
      description={description}
      height={height}
      columns={[xLabel, yLabel]}
      rows={points.map((point) => [figure(point.x), figure(point.y)])}
      draw={(plot) => {
        const x = scaleLinear(
          xKind === "count" ? [1, Math.max(2, ...xs)] : [Math.min(0, ...xs), Math.max(1e-9, ...xs)],
          [plot.left, plot.right],
        );
        const y = scaleLinear([Math.min(...ys), Math.max(...ys)], [plot.bottom - 6, plot.top + 8]).nice(4);
        const path = line<{ x: number; y: number }>()
          .x((point) => x(point.x))
          .y((point) => y(point.y));
        return (
          <>
            <Axes plot={plot} x={xKind === "count" ? counted(x) : x} y={y} xLabel={xLabel} />
            <path d={path(points) ?? ""} fill="none" stroke="var(--c1)" strokeWidth={2} />
            {points.map((point, index) => (
              <circle
                key={index}
                cx={x(point.x)}
                cy={y(point.y)}
                r={3}
                fill="var(--surface)"
                stroke="var(--c1)"
                strokeWidth={1.5}
              />
            ))}
          </>
        );
      }}
    />
  );
}

/** The scale with ticks at whole numbers alone. */
const counted = (scale: Scale): Scale =>
  Object.assign((value: number) => scale(value), {
    ticks: (many?: number) => scale.ticks(many).filter(Number.isInteger),
  });
