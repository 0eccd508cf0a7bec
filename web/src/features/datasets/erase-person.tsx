import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { type Api, api, client, queryClient } from "@/api/client";
import { FormDialog } from "@/features/form-dialog";
import { count, percent } from "@/i18n/format";
import { useHubWords } from "@/i18n/hub";
import { Button } from "@/ui/button";
import { Checkbox } from "@/ui/checkbox";
import { Failed } from "@/ui/failed";
import { TextField } from "@/ui/field";
import { Note } from "@/ui/note";
import { Progress } from "@/ui/progress";
import { SelectField } from "@/ui/select";
import { useLiveJob, usePollMs } from "../live-job";
import { isOver } from "../state-badge";

type Path = { org: string; name: string };
type Erasure = Api["Erasure"];

/** Removes everybody from every version whose row holds a value, and says what came of it. */
export function ErasePerson({ org, name, columns }: Path & { columns: string[] }) {
  const { t } = useTranslation();
  const [asking, setAsking] = useState(false);
  const [begun, setBegun] = useState<string | null>(null);
  return (
    <div className="mt-4 space-y-3 border-t border-line pt-4">
      <p className="text-sm text-fg-2">{t("erase.about")}</p>
      <Button kind="danger" disabled={!columns.length} onClick={() => setAsking(true)}>
        {t("erase.action")}
      </Button>
      {begun ? <Outcome id={begun} /> : null}
      {asking ? (
        <FormDialog
          title={t("erase.action")}
          description={t("erase.text")}
          action={t("erase.begin")}
          danger
          onClose={() => setAsking(false)}
          onSubmit={async (given) => {
            const { data } = await client.POST("/api/v1/datasets/{org}/{name}/erasures", {
              params: { path: { org, name } },
              body: { column: String(given.get("column")), value: String(given.get("value")) },
            });
            if (!data) return;
            setBegun(data.id);
            setAsking(false);
          }}
        >
          {(problems) => (
            <>
              <SelectField
                name="column"
                label={t("erase.column")}
                options={columns.map((column) => ({ value: column, label: column }))}
                problem={problems.column ?? ""}
              />
              <TextField
                name="value"
                label={t("erase.value")}
                hint={t("erase.valueHint")}
                required
                maxLength={1000}
                autoComplete="off"
                spellCheck={false}
                problem={problems.value}
              />
              <Note tone="bad">{t("erase.warning")}</Note>
              <Checkbox required label={t("erase.sure")} />
            </>
          )}
        </FormDialog>
      ) : null}
    </div>
  );
}

function Outcome({ id }: { id: string }) {
  const { t } = useTranslation();
  const inWords = useHubWords();
  const pollMs = usePollMs();
  const query = useQuery({
    ...api.queryOptions("get", "/api/v1/dataset-erasures/{erasure_id}", { params: { path: { erasure_id: id } } }),
    refetchInterval: (of) => (of.state.error || (of.state.data && isOver(of.state.data.state)) ? false : pollMs),
  });
  const erasure = query.data;
  const goesOn = erasure !== undefined && !isOver(erasure.state);
  const progress = useLiveJob(goesOn ? erasure.job_id : null, () => void query.refetch());
  const done = erasure?.state === "done";
  useEffect(() => {
    // rows, profiles and counts of every version may be others now
    if (done) void queryClient.invalidateQueries();
  }, [done]);
  if (query.error && !erasure) return <Failed error={query.error} retry={() => void query.refetch()} />;
  if (erasure?.state === "failed") {
    return (
      <Note tone="bad">
        <p className="font-medium">{t("erase.failed")}</p>
        <p>{inWords(String(erasure.error?.detail ?? erasure.error?.title ?? t("failed.unknown")))}</p>
      </Note>
    );
  }
  if (erasure && done) return <Gone erasure={erasure} />;
  return (
    <div>
      <div className="mb-2 flex items-baseline justify-between gap-3 text-sm">
        <span aria-live="polite">{inWords(progress?.note ?? "") || t("erase.underWay")}</span>
        <span className="num text-fg-2">{progress ? percent(progress.fraction) : ""}</span>
      </div>
      <Progress label={t("erase.underWay")} fraction={progress ? progress.fraction : null} />
    </div>
  );
}

function Gone({ erasure }: { erasure: Erasure }) {
  const { t } = useTranslation();
  const versions = Object.entries(erasure.rows_removed);
  if (!versions.length) return <Note>{t("erase.nobody", { column: erasure.column })}</Note>;
  return (
    <div className="space-y-3 text-sm" role="status">
      <div>
        <p className="font-medium">{t("erase.done", { count: versions.length })}</p>
        <ul className="num mt-1 text-fg-2">
          {versions.map(([number, rows]) => (
            <li key={number}>{t("erase.ofVersion", { number, count: rows, amount: count(rows) })}</li>
          ))}
        </ul>
      </div>
      {erasure.trained_on.length ? (
        <Note tone="warn">
          <p>{t("erase.trained")}</p>
          <ul className="mt-1 space-y-0.5">
            {erasure.trained_on.map((one) => (
              <li key={one.id} className="break-words">
                <Trained {...one} />
              </li>
            ))}
          </ul>
        </Note>
      ) : (
        <p className="text-fg-2">{t("erase.untrained")}</p>
      )}
    </div>
  );
}

function Trained({ kind, name, version }: Erasure["trained_on"][number]) {
  const { t } = useTranslation();
  const [address = "", number] = name.split("@");
  const [org = "", model = ""] = address.split("/");
  const look = "font-medium text-accent-text hover:underline";
  return (
    <>
      {kind === "model" ? (
        <Link to="/models/$org/$name" params={{ org, name: model }} className={look}>
          {t("erase.model", { address, number })}
        </Link>
      ) : (
        <Link to="/runs/$id" params={{ id: name }} className={look}>
          {t("erase.run", { id: name.slice(0, 8) })}
        </Link>
      )}{" "}
      {t("erase.from", { number: version })}
    </>
  );
}
