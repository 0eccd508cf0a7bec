import { SqlSource } from "./sql-source";
import { Streams } from "./streams";

type Props = { org: string; name: string; onPending: (version: string) => void };

/** Where a dataset's rows come from by themselves. */
export default function Sources({ org, name, onPending }: Props) {
  return (
    <div className="space-y-4">
      <Streams org={org} name={name} />
      <SqlSource org={org} name={name} onPending={onPending} />
    </div>
  );
}
