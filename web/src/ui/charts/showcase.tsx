import { BandChart } from "./band";
import { Bars } from "./bars";
import { Confusion } from "./confusion";
import { Curves } from "./curves";
import { Histogram } from "./histogram";
import { LineChart } from "./line";
import { MiniHistogram } from "./mini";
import { Overlay } from "./overlay";
import { Scatter } from "./scatter";

const COUNTS = [4, 9, 16, 30, 44, 52, 47, 33, 21, 12, 6, 3];
const EDGES = Array.from({ length: 13 }, (_, index) => index * 10);
const UNIT = Array.from({ length: 41 }, (_, index) => index / 40);

/** Every chart, on its own since they are most of the page's script. */
export default function Charts() {
  return (
    <div className="w-full space-y-6">
      <div className="w-32">
        <MiniHistogram counts={COUNTS} label="Mini" />
      </div>
      <Histogram name="age" edges={EDGES} counts={COUNTS} reference={[...COUNTS].reverse()} />
      <Overlay
        label="age"
        description="Two versions"
        rangeName="age"
        now={{ name: "2", edges: EDGES, counts: COUNTS }}
        before={{ name: "1", edges: EDGES, counts: [...COUNTS].reverse() }}
      />
      <Curves
        label="ROC"
        diagonal
        filled
        xLabel="False positive rate"
        yLabel="True positive rate"
        curves={[
          { name: "this", value: "AUC 0.83", x: UNIT, y: UNIT.map((x) => x ** 0.35) },
          { name: "baseline", value: "AUC 0.6", x: UNIT, y: UNIT.map((x) => x ** 0.7) },
        ]}
      />
      <LineChart
        label="Best score"
        description="Rises from 0.7 to 0.77"
        xLabel="s"
        yLabel="AUC"
        points={[0.7, 0.74, 0.755, 0.76, 0.77].map((y, x) => ({ x: x * 6, y }))}
      />
      <BandChart
        label="Rows"
        description="The last is below its band"
        words={{ value: "Rows", band: "Expected", point: "Day", odd: "Odd" }}
        points={[50, 52, 49, 51, 38].map((value, day) => ({
          name: String(day + 1),
          value,
          low: day ? 46 : null,
          high: day ? 55 : null,
          look: value < 46 ? "odd" : "usual",
        }))}
      />
      <Scatter
        label="Predicted"
        description="Close to the line"
        xLabel="true"
        yLabel="predicted"
        points={UNIT.map((x, index) => [x * 10, x * 10 + Math.sin(index)])}
      />
      <Confusion
        labels={["no", "yes"]}
        counts={[
          [618, 87],
          [120, 174],
        ]}
      />
      <Bars
        label="Importances"
        bars={[0.4, 0.2, 0.05].map((value, index) => ({ name: `column ${index}`, value, text: String(value) }))}
      />
    </div>
  );
}
