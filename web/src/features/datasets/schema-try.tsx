import { type FormEvent, useState } from "react";
import { useTranslation } from "react-i18next";
import { type Api, client } from "@/api/client";
import { saidBy } from "@/api/problem";
import { useHubWords } from "@/i18n/hub";
import { Badge } from "@/ui/badge";
import { Button } from "@/ui/button";
import { Card } from "@/ui/card";
import { TextArea } from "@/ui/field";
import { Note } from "@/ui/note";
import { SelectField } from "@/ui/select";
import { ChangeList } from "./schema-changes";
import { COLUMN_TYPES, MODES, readTried, writtenColumns } from "./schema-text";

const LINES_SHOWN_MAX = 14;

/** Holds other columns against the dataset's, and says what they would break and what would fix it. */
export function SchemaTry({ org, name, columns }: { org: string; name: string; columns: Api["ColumnOut"][] }) {
  const { t } = useTranslation();
  const [problem, setProblem] = useState("");
  const [busy, setBusy] = useState(false);
  const [verdict, setVerdict] = useState<Api["SchemaVerdict"] | null>(null);
  const judge = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const tried = readTried(String(form.get("schema")));
    setVerdict(null);
    if ("line" in tried) {
      const { line } = tried;
      setProblem(line ? t("schema.lineWrong", { line, types: COLUMN_TYPES.join(", ") }) : t("schema.nothing"));
      return;
    }
    setProblem("");
    setBusy(true);
    try {
      const { data } = await client.POST("/api/v1/datasets/{org}/{name}/schema-tries", {
        params: { path: { org, name } },
        body: { ...tried, mode: MODES.find((one) => one === form.get("mode")) ?? null },
      });
      setVerdict(data ?? null);
    } catch (error) {
      setProblem(saidBy(error));
    } finally {
      setBusy(false);
    }
  };
  return (
    <Card flush title={t("schema.try")}>
      <form onSubmit={(event) => void judge(event)} className="space-y-4 p-4">
        <TextArea
          name="schema"
          label={t("schema.tryColumns")}
          hint={t("schema.tryText")}
          problem={problem}
          className="mono text-sm leading-6"
          rows={Math.min(LINES_SHOWN_MAX, Math.max(5, columns.length + 1))}
          spellCheck={false}
          defaultValue={writtenColumns(columns)}
        />
        <div className="flex flex-wrap items-end gap-3">
          <div className="min-w-56 flex-1">
            <SelectField
              name="mode"
              label={t("schema.tryMode")}
              options={[
                { value: "", label: t("schema.tryOwn") },
                ...MODES.map((mode) => ({ value: mode, label: t(`schema.mode.${mode}`) })),
              ]}
            />
          </div>
          <Button type="submit" kind="primary" busy={busy}>
            {t("schema.tryAction")}
          </Button>
        </div>
      </form>
      <div aria-live="polite">{verdict ? <Verdict verdict={verdict} /> : null}</div>
    </Card>
  );
}

function Verdict({ verdict }: { verdict: Api["SchemaVerdict"] }) {
  const { t } = useTranslation();
  const inWords = useHubWords();
  return (
    <div className="border-t border-line">
      <div className="p-4">
        {verdict.is_compatible ? (
          <Note>
            <p className="font-medium">{t("schema.fits")}</p>
            <p>{t("schema.fitsText")}</p>
          </Note>
        ) : (
          <Note tone="bad">
            {t("schema.breaksWith", { count: verdict.breaks.length, number: verdict.breaks_version ?? 0 })}
          </Note>
        )}
      </div>
      {verdict.breaks.length ? (
        <ul aria-label={t("schema.breaksTitle")} className="divide-y divide-line border-t border-line">
          {verdict.breaks.map((one) => (
            <li key={`${one.kind} ${one.at} ${one.direction}`} className="px-4 py-3 text-sm">
              <p className="break-words">{inWords(one.says)}</p>
              <p className="mt-1 break-words text-fg-2">
                <span className="font-medium">{t("schema.fix")}</span> {inWords(one.fix)}
              </p>
              <Badge tone="warn" className="mt-1">
                {t(`schema.breaks.${one.direction}`)}
              </Badge>
            </li>
          ))}
        </ul>
      ) : (
        <>
          <h3 className="border-t border-line px-4 pt-3 text-sm font-medium">{t("schema.changesSince")}</h3>
          <ChangeList changes={verdict.changes} />
        </>
      )}
    </div>
  );
}
