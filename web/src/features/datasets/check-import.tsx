import { useQuery } from "@tanstack/react-query";
import { ArrowLeft } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { type Api, client, queryClient } from "@/api/client";
import { saidBy } from "@/api/problem";
import { bytes } from "@/i18n/format";
import { Button } from "@/ui/button";
import { Card } from "@/ui/card";
import { DropZone } from "@/ui/drop-zone";
import { TextField } from "@/ui/field";
import { Note } from "@/ui/note";
import { SelectField } from "@/ui/select";
import { SkeletonRows } from "@/ui/skeleton";
import { toast } from "@/ui/toast";
import { ImportPlan, type Plan } from "./check-import-plan";
import { type Dialect, dialectOf } from "./check-yaml";

type Path = { org: string; name: string };
type Chosen = { name: string; text: string; dialect: Dialect; table: string };
const BYTES_MAX = 8_000_000;
const CHECKS = "/api/v1/datasets/{org}/{name}/checks";

/** What a file of checks would change, and then that: the hub's own replaces them, another tool's joins them. */
export default function CheckImport({ org, name, onClose }: Path & { onClose: () => void }) {
  const { t } = useTranslation();
  const [chosen, setChosen] = useState<Chosen | null>(null);
  const [problem, setProblem] = useState("");
  const [busy, setBusy] = useState(false);
  const plan = useQuery({
    queryKey: ["check-import", org, name, chosen],
    enabled: chosen !== null,
    retry: false,
    gcTime: 0,
    queryFn: () => send({ org, name }, chosen as Chosen, { dryRun: true }),
  });
  const take = async (file: File) => {
    setProblem("");
    setChosen(null);
    if (file.size > BYTES_MAX) return setProblem(t("checkImport.tooLarge", { most: bytes(BYTES_MAX) }));
    const text = await file.text();
    setChosen({ name: file.name.slice(0, 200), text, dialect: dialectOf(text), table: "" });
  };
  const apply = async () => {
    if (!chosen) return;
    setBusy(true);
    setProblem("");
    try {
      await send({ org, name }, chosen, { dryRun: false });
      await queryClient.invalidateQueries({ queryKey: ["get", CHECKS] });
      toast(t("checkImport.done"));
      onClose();
    } catch (error) {
      setProblem(saidBy(error));
    } finally {
      setBusy(false);
    }
  };
  const found = plan.data;
  const wrong = problem || (plan.error ? saidBy(plan.error) : "");
  return (
    <>
      <Button kind="ghost" onClick={onClose} className="mb-3 -ml-2">
        <ArrowLeft size={15} aria-hidden />
        {t("check.back")}
      </Button>
      <Card title={t("checkImport.title")}>
        <div className="space-y-4">
          <DropZone
            label={chosen ? t("checkImport.another") : t("checkImport.choose")}
            hint={t("checkImport.hint")}
            accept=".yaml,.yml,.json"
            onFile={(file) => void take(file)}
          />
          {chosen ? (
            <div className="grid gap-4 sm:grid-cols-2">
              <SelectField
                label={t("checkImport.writtenFor", { file: chosen.name })}
                hint={t(`checkImport.about.${chosen.dialect}`)}
                value={chosen.dialect}
                options={(["own", "foreign"] as const).map((value) => ({
                  value,
                  label: t(`checkImport.dialect.${value}`),
                }))}
                onChange={(event) =>
                  setChosen({ ...chosen, dialect: event.target.value === "own" ? "own" : "foreign" })
                }
              />
              {chosen.dialect === "foreign" ? (
                <TextField
                  label={t("checkImport.table")}
                  hint={t("checkImport.tableHint")}
                  maxLength={200}
                  autoComplete="off"
                  spellCheck={false}
                  defaultValue={chosen.table}
                  onBlur={(event) => setChosen({ ...chosen, table: event.target.value.trim() })}
                  onKeyDown={(event) => {
                    if (event.key === "Enter") event.currentTarget.blur();
                  }}
                />
              ) : null}
            </div>
          ) : null}
          {wrong ? (
            <div role="alert">
              <Note tone="bad">{wrong}</Note>
            </div>
          ) : null}
          {plan.isFetching ? <SkeletonRows rows={3} /> : null}
          {found && !plan.isFetching ? (
            <>
              <ImportPlan plan={found} />
              <div className="flex flex-wrap justify-end gap-2">
                <Button onClick={onClose}>{t("action.cancel")}</Button>
                <Button
                  kind={found.dropped.length ? "danger" : "primary"}
                  busy={busy}
                  disabled={!(found.added.length || found.changed.length || found.dropped.length)}
                  onClick={() => void apply()}
                >
                  {t(chosen?.dialect === "own" ? "checkImport.replace" : "checkImport.add")}
                </Button>
              </div>
            </>
          ) : null}
        </div>
      </Card>
    </>
  );
}

async function send(
  path: Path,
  { name, text, dialect, table }: Chosen,
  { dryRun }: { dryRun: boolean },
): Promise<Plan> {
  if (dialect === "own") {
    const { data } = await client.PUT("/api/v1/datasets/{org}/{name}/checks.yaml", {
      params: { path, query: { dry_run: dryRun } },
      headers: { "Content-Type": "application/yaml" },
      body: text as never,
      bodySerializer: () => text,
    });
    const { added, changed, dropped, unchanged_count } = data as Api["SetPlan"];
    return { added, changed, dropped, unchanged: unchanged_count, left: [] };
  }
  const { data } = await client.POST("/api/v1/datasets/{org}/{name}/checks/import", {
    params: { path },
    body: { text, file_name: name, dry_run: dryRun, ...(table ? { table } : {}) },
  });
  const { tool, added, known, left_out } = data as Api["Imported"];
  return { tool, added, changed: [], dropped: [], unchanged: known.length, left: left_out };
}
