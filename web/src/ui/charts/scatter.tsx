import { scaleLinear } from "d3-scale";
import { figure } from "@/i18n/format";
import { Axes, Chart } from "./frame";

type Props = {
  label: string;
  description: string;
  points: [number, number][];
  xLabel: string;
  yLabel: string;
  height?: number;
};

/** Points against the line where both are equal: what was predicted against what it was. */
export function Scatter({ label, description, points, xLabel, yLabel, height = 300 }: Props) {
  const all = points.flat();
  const low = Math.min(...all);
  const high = Math.max(...all);
  return (
    <Chart
      label={label}
      description={description}
      height={height}
      columns={[xLabel, yLabel]}
      rows={points.slice(0, 50).map(([x, y]) => [figure(x), figure(y)])}
      draw={(plot) => {
        const x = scaleLinear([low, high], [plot.left, plot.right]).nice();
        const y = scaleLinear([low, high], [plot.bottom, plot.top + 8]).nice();
        return (
          <>
            <Axes plot={plot} x={x} y={y} xLabel={xLabel} yLabel={yLabel} />
            <line x1={x(low)} y1={y(low)} x2={x(high)} y2={y(high)} stroke="var(--line-strong)" strokeDasharray="3 4" />
            {points.map(([px, py], index) => (
              <circle key={index} cx={x(px)} cy={y(py)} r={2.5} fill="var(--c1)" opacity={0.5} />
            ))}
          </>
        );
      }}
    />
  );
}
