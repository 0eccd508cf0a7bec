import { useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { type Api, api, queryClient } from "@/api/client";
import { duration } from "@/i18n/format";
import { Button } from "@/ui/button";
import { Dialog, DialogActions } from "@/ui/dialog";
import { Note } from "@/ui/note";
import { SelectField } from "@/ui/select";
import { profileQuery } from "./profile";

const LIMITS_SECONDS = [10, 30, 60, 300, 900, 3600];
const DISTINCT_LIKELY_MAX = 20;

/** Asks what is to be forecast, and for how long to look for the best model. */
export default function TrainDialog({ version, onClose }: { version: Api["Version"]; onClose: () => void }) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const [problem, setProblem] = useState("");
  const [org = "", name = ""] = version.dataset.split("/");
  const profile = useQuery(profileQuery(org, name, version.number ?? 0)).data;
  const columns = version.table_schema?.columns.map((column) => column.name) ?? [];
  const start = api.useMutation("post", "/api/v1/runs", {
    onSuccess: async (run) => {
      void queryClient.invalidateQueries({ queryKey: ["get", "/api/v1/runs"] });
      await navigate({ to: "/runs/$id", params: { id: run.id } });
    },
    onError: (error: unknown) => setProblem(error instanceof Error ? error.message : t("failed.unknown")),
  });
  // the last column of few values is most often what people ask for
  const likely = profile?.columns.findLast(
    (column) => column.distinct > 1 && column.distinct <= DISTINCT_LIKELY_MAX,
  )?.name;
  return (
    <Dialog
      open
      onClose={onClose}
      title={t("run.start")}
      description={t("run.startText", { dataset: version.dataset })}
    >
      <form
        onSubmit={(event) => {
          event.preventDefault();
          const form = new FormData(event.currentTarget);
          setProblem("");
          start.mutate({
            body: {
              dataset: `${version.dataset}@${version.number}`,
              target: String(form.get("target")),
              time_limit_seconds: Number(form.get("limit")),
              leave_out: {},
              seed: 0,
            },
          });
        }}
      >
        <div className="space-y-4">
          <SelectField
            key={likely}
            name="target"
            label={t("field.target")}
            hint={t("run.targetHint")}
            defaultValue={likely ?? columns.at(-1)}
            options={columns.map((column) => ({ value: column, label: column }))}
          />
          <SelectField
            name="limit"
            label={t("field.timeLimit")}
            hint={t("run.limitHint")}
            defaultValue="60"
            options={LIMITS_SECONDS.map((seconds) => ({ value: String(seconds), label: duration(seconds) }))}
          />
          {problem ? (
            <div role="alert">
              <Note tone="bad">{problem}</Note>
            </div>
          ) : null}
        </div>
        <DialogActions>
          <Button onClick={onClose}>{t("action.cancel")}</Button>
          <Button type="submit" kind="primary" busy={start.isPending}>
            {t("run.startAction")}
          </Button>
        </DialogActions>
      </form>
    </Dialog>
  );
}
