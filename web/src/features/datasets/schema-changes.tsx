import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { type Api, api } from "@/api/client";
import { useHubWords } from "@/i18n/hub";
import { Badge, type Tone } from "@/ui/badge";
import { Card } from "@/ui/card";
import { Failed } from "@/ui/failed";
import { SelectField } from "@/ui/select";
import { SkeletonRows } from "@/ui/skeleton";

type Change = Api["SchemaChange"];
type Level = Api["SchemaDiff"]["level"];
const LEVELS: Record<Level, Tone> = { patch: "neutral", minor: "accent", major: "warn" };
type Props = {
  org: string;
  name: string;
  schemas: Api["DatasetSchema"][];
  since: number | undefined;
  until: number | undefined;
  onCompare: (between: { since?: number; until?: number }) => void;
};

/** What has changed between two schemas: by default with the last change. */
export function SchemaChanges({ org, name, schemas, since, until, onCompare }: Props) {
  const { t } = useTranslation();
  const query = useQuery({
    ...api.queryOptions("get", "/api/v1/datasets/{org}/{name}/schema-diff", {
      params: { path: { org, name }, query: { since: since ?? null, until: until ?? null } },
    }),
    enabled: schemas.length > 1,
  });
  if (schemas.length < 2) return <Card title={t("schema.changes")}>{t("schema.onlyOne")}</Card>;
  const options = schemas.map((one) => ({
    value: String(one.number),
    label: t("schema.number", { version: one.version }),
  }));
  const diff = query.data;
  const after = until ?? diff?.after.number ?? schemas[0]?.number ?? 1;
  const before = since ?? diff?.before.number ?? Math.max(1, after - 1);
  return (
    <Card flush title={t("schema.changes")} actions={diff ? <LevelBadge level={diff.level} /> : null}>
      <div className="grid grid-cols-2 gap-3 border-b border-line p-4">
        <SelectField
          label={t("schema.before")}
          value={before}
          options={options}
          onChange={(event) => onCompare({ since: Number(event.target.value), until: after })}
        />
        <SelectField
          label={t("schema.after")}
          value={after}
          options={options}
          onChange={(event) => onCompare({ since: before, until: Number(event.target.value) })}
        />
      </div>
      {query.error && !diff ? <Failed error={query.error} retry={() => void query.refetch()} /> : null}
      {diff ? <ChangeList changes={diff.changes} /> : query.error ? null : <SkeletonRows rows={3} />}
    </Card>
  );
}

function LevelBadge({ level }: { level: Level }) {
  const { t } = useTranslation();
  return <Badge tone={LEVELS[level]}>{t(`schema.level.${level}`)}</Badge>;
}

/** Changes one below the other, each with whom it breaks. */
export function ChangeList({ changes }: { changes: Change[] }) {
  const { t } = useTranslation();
  const inWords = useHubWords();
  if (!changes.length) return <p className="px-4 py-3 text-sm text-fg-2">{t("schema.same")}</p>;
  return (
    <ul className="divide-y divide-line">
      {changes.map((change) => (
        <li key={`${change.kind} ${change.at} ${change.after}`} className="px-4 py-3 text-sm">
          <p className="break-words">{inWords(change.says)}</p>
          {change.breaks.length ? (
            <p className="mt-1 flex flex-wrap gap-1.5">
              {change.breaks.map((direction) => (
                <Badge key={direction} tone="warn">
                  {t(`schema.breaks.${direction}`)}
                </Badge>
              ))}
            </p>
          ) : null}
        </li>
      ))}
    </ul>
  );
}
