import { Table2 } from "lucide-react";
import { useTranslation } from "react-i18next";
import { type Api, client } from "@/api/client";
import { useCursor } from "@/features/cursor";
import { More } from "@/features/more";
import { ago, moment } from "@/i18n/format";
import { Badge } from "@/ui/badge";
import { Card } from "@/ui/card";
import { Empty } from "@/ui/empty";
import { Failed } from "@/ui/failed";
import { SkeletonRows } from "@/ui/skeleton";
import { Compatibility } from "./compatibility";
import { SchemaChanges } from "./schema-changes";
import { SchemaTry } from "./schema-try";

type Path = { org: string; name: string };
type Schema = Api["DatasetSchema"];
type Props = Path & {
  columns: Api["ColumnOut"][];
  since: number | undefined;
  until: number | undefined;
  onCompare: (between: { since?: number; until?: number }) => void;
};

/** What a dataset's columns were, what has changed of them, which changes are allowed, and what others would break. */
export default function SchemaView({ org, name, columns, since, until, onCompare }: Props) {
  const { t } = useTranslation();
  const { query, items } = useCursor<Schema>(["schemas", org, name], (asked, signal) =>
    client.GET("/api/v1/datasets/{org}/{name}/schemas", { params: { path: { org, name }, query: asked }, signal }),
  );
  if (query.error && !items) return <Failed error={query.error} retry={() => void query.refetch()} />;
  if (!items) return <SkeletonRows />;
  if (!items.length) {
    return (
      <Card flush>
        <Empty icon={Table2} title={t("schema.none")}>
          {t("schema.noneText")}
        </Empty>
      </Card>
    );
  }
  return (
    <div className="grid grid-cols-1 items-start gap-4 lg:grid-cols-[3fr_2fr]">
      <div className="min-w-0 space-y-4">
        <SchemaChanges org={org} name={name} schemas={items} since={since} until={until} onCompare={onCompare} />
        <SchemaTry org={org} name={name} columns={columns} />
      </div>
      <div className="min-w-0 space-y-4">
        <Compatibility org={org} name={name} />
        <Card flush title={t("schema.history")}>
          <ol aria-label={t("schema.history")} className="divide-y divide-line">
            {items.map((schema) => (
              <Entry key={schema.id} schema={schema} />
            ))}
          </ol>
          <More query={query} />
        </Card>
      </div>
    </div>
  );
}

function Entry({ schema }: { schema: Schema }) {
  const { t } = useTranslation();
  return (
    <li className="px-4 py-3">
      <p className="flex flex-wrap items-center gap-x-2">
        <span className="num font-medium">{t("schema.number", { version: schema.version })}</span>
        {schema.dataset_version ? <Badge>{t("schema.since", { number: schema.dataset_version })}</Badge> : null}
      </p>
      <p className="text-xs text-fg-3">
        <span className="num">{t("schema.registryId", { id: schema.schema_id })}</span>
        {" · "}
        <time dateTime={schema.created_at} title={moment(schema.created_at)}>
          {ago(schema.created_at)}
        </time>
      </p>
    </li>
  );
}
