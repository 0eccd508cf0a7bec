import { Streams } from "./streams";

/** Where a dataset's rows come from by themselves. */
export default function Sources({ org, name }: { org: string; name: string }) {
  return (
    <div className="space-y-4">
      <Streams org={org} name={name} />
    </div>
  );
}
