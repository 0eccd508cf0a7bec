import { scaleLinear } from "d3-scale";
import { area, line } from "d3-shape";
import { useState } from "react";
import { figure } from "@/i18n/format";
import { Axes, Chart, DASHES, Legend, SERIES, TICK } from "./frame";

export type Curve = { name: string; value?: string; x: number[]; y: number[] };
type Props = {
  label: string;
  curves: Curve[];
  xLabel: string;
  yLabel: string;
  /** The line of guessing (ROC) or of honesty (calibration). */
  diagonal?: boolean;
  filled?: boolean;
  height?: number;
};

/** Curves over the unit square: ROC, precision against recall, calibration. */
export function Curves({ label, curves, xLabel, yLabel, diagonal = false, filled = false, height = 300 }: Props) {
  const [at, setAt] = useState<number | null>(null);
  const first = curves[0];
  if (!first) return null;
  return (
    <>
      <Legend
        items={curves.map((curve, index) => ({
          name: curve.name,
          ...(curve.value && { value: curve.value }),
          color: SERIES[index] ?? "",
          dash: DASHES[index],
        }))}
      />
      <Chart
        label={label}
        description={curves.map((curve) => `${curve.name} ${curve.value ?? ""}`).join("; ")}
        height={height}
        columns={[xLabel, yLabel]}
        rows={thinned(first).map(([x, y]) => [figure(x), figure(y)])}
        draw={(plot) => {
          const x = scaleLinear([0, 1], [plot.left, plot.right]);
          const y = scaleLinear([0, 1], [plot.bottom, plot.top + 6]);
          const path = (curve: Curve) =>
            line<number>()
              .x((_, index) => x(curve.x[index] ?? 0))
              .y((value) => y(value))(curve.y) ?? "";
          const below = area<number>()
            .x((_, index) => x(first.x[index] ?? 0))
            .y0(y(0))
            .y1((value) => y(value));
          const point = at === null ? null : { x: first.x[at] ?? 0, y: first.y[at] ?? 0 };
          return (
            <g
              onPointerMove={(event) => {
                const svg = event.currentTarget.ownerSVGElement;
                if (svg) setAt(nearest(first.x, x.invert(event.clientX - svg.getBoundingClientRect().left)));
              }}
              onPointerLeave={() => setAt(null)}
            >
              <rect
                x={plot.left}
                y={plot.top}
                width={Math.max(0, plot.right - plot.left)}
                height={plot.bottom - plot.top}
                fill="transparent"
              />
              <Axes plot={plot} x={x} y={y} xLabel={xLabel} yLabel={yLabel} />
              {diagonal ? (
                <line x1={x(0)} y1={y(0)} x2={x(1)} y2={y(1)} stroke="var(--line-strong)" strokeDasharray="3 4" />
              ) : null}
              {filled ? <path d={below(first.y) ?? ""} fill="var(--c1)" opacity={0.08} /> : null}
              {curves.map((curve, index) => (
                <path
                  key={curve.name}
                  d={path(curve)}
                  fill="none"
                  stroke={SERIES[index]}
                  strokeWidth={2}
                  strokeDasharray={DASHES[index]}
                />
              ))}
              {point ? (
                <g pointerEvents="none">
                  <circle
                    cx={x(point.x)}
                    cy={y(point.y)}
                    r={4}
                    fill="var(--surface)"
                    stroke="var(--c1)"
                    strokeWidth={2}
                  />
                  <text {...TICK} fill="var(--fg)" x={plot.right} y={plot.top} textAnchor="end">
                    {`${figure(point.x)}, ${figure(point.y)}`}
                  </text>
                </g>
              ) : null}
            </g>
          );
        }}
      />
    </>
  );
}

function thinned(curve: Curve): [number, number][] {
  const every = Math.max(1, Math.floor(curve.x.length / 20));
  return curve.x.flatMap((x, index) => (index % every === 0 ? [[x, curve.y[index] ?? 0] as [number, number]] : []));
}

function nearest(values: number[], wanted: number): number {
  let best = 0;
  values.forEach((value, index) => {
    if (Math.abs(value - wanted) < Math.abs((values[best] ?? 0) - wanted)) best = index;
  });
  return best;
}
