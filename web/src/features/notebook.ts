import { hubAddress } from "@/api/root";

type Cell = { text: string } | { code: string };

const BEGIN: Cell[] = [
  {
    code: `import os

from lyceum_client import Client

# a key of yours: in Lyceum, account menu, API keys
hub = Client(os.environ.get("LYCEUM_URL", ${JSON.stringify(hubAddress())}), os.environ["LYCEUM_API_KEY"])
hub.me()`,
  },
];

/** A notebook (nbformat 4.5) that opens an object with `lyceum-client`; it needs a key in LYCEUM_API_KEY. */
export function notebookOf(title: string, cells: Cell[]) {
  const all: Cell[] = [
    { text: `# ${title}\n\nIt needs \`pip install lyceum-client\` and a key in \`LYCEUM_API_KEY\`.` },
    ...BEGIN,
    ...cells,
  ];
  return {
    nbformat: 4,
    nbformat_minor: 5,
    metadata: { kernelspec: { name: "python3", display_name: "Python 3", language: "python" } },
    cells: all.map((cell, index) => {
      const shared = { id: `cell-${index}`, metadata: {} };
      return "text" in cell
        ? { ...shared, cell_type: "markdown", source: cell.text }
        : { ...shared, cell_type: "code", source: cell.code, execution_count: null, outputs: [] };
    }),
  };
}

export const datasetNotebook = (address: string) =>
  notebookOf(address, [
    {
      code: `version = hub.datasets.version(${JSON.stringify(address)})
print(f"{version.row_count:,} rows")
for column in hub.datasets.profile(${JSON.stringify(address)})["columns"]:
    print(f"{column['name']:<28} {column['type']:<12} {column['missing']:>8,} missing")`,
    },
    {
      code: `preview = hub.datasets.preview(${JSON.stringify(address)}, limit=10)
for row in preview.rows:
    print(dict(zip(preview.columns, row)))`,
    },
  ]);

export const runNotebook = (id: string, title: string) =>
  notebookOf(title, [
    {
      code: `run = hub.runs.get(${JSON.stringify(id)})
print(run.state, run.metric, run.score)
for row in run.leaderboard:
    print(f"{row.name:<28} {row.score:.4f}  weight {row.weight:.0%}")`,
    },
    {
      code: `report = hub.runs.report(run.id)
for entry in sorted(report["importances"], key=lambda entry: -entry["importance"]):
    print(f"{entry['column']:<28} {entry['importance']:+.4f}")`,
    },
  ]);

export const modelNotebook = (address: string, row: Record<string, unknown>) =>
  notebookOf(address, [
    {
      code: `import json

row = json.loads(${JSON.stringify(JSON.stringify(row))})
answers = hub.models.predict(${JSON.stringify(address)}, [row])
print(answers.predictions[0])`,
    },
  ]);

/** Hands a notebook over as a file. */
export function downloadNotebook(name: string, notebook: object) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([JSON.stringify(notebook, null, 1)], { type: "application/x-ipynb+json" }));
  link.download = `${name.replace(/[^\w.-]+/g, "-")}.ipynb`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
