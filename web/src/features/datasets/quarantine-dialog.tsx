import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { api, queryClient } from "@/api/client";
import { useHubWords } from "@/i18n/hub";
import { Button } from "@/ui/button";
import { Dialog, DialogActions } from "@/ui/dialog";
import { TextField } from "@/ui/field";
import { Note } from "@/ui/note";

type Props = { name: string; run: string; onClose: () => void };

/** Asks which dataset all failing rows of a check run are to become. */
export default function QuarantineDialog({ name, run, onClose }: Props) {
  const { t } = useTranslation();
  const inWords = useHubWords();
  const navigate = useNavigate();
  const [problem, setProblem] = useState("");
  const begin = api.useMutation("post", "/api/v1/check-runs/{check_run_id}/quarantine", {
    onSuccess: async (version) => {
      void queryClient.invalidateQueries({ queryKey: ["get", "/api/v1/datasets"] });
      const [org = "", made = ""] = version.dataset.split("/");
      await navigate({ to: "/datasets/$org/$name", params: { org, name: made }, search: { pending: version.id } });
    },
    onError: (error: unknown) => setProblem(error instanceof Error ? error.message : t("failed.unknown")),
  });
  return (
    <Dialog open onClose={onClose} title={t("quarantine.title")} description={t("quarantine.text")}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          const dataset = String(new FormData(event.currentTarget).get("dataset")).trim();
          setProblem("");
          begin.mutate({ params: { path: { check_run_id: run } }, body: { dataset } });
        }}
      >
        <div className="space-y-4">
          <TextField
            name="dataset"
            label={t("quarantine.dataset")}
            hint={t("quarantine.datasetHint")}
            defaultValue={`${name.slice(0, NAME_CHARACTERS)}-quarantine`}
            required
          />
          {problem ? (
            <div role="alert">
              <Note tone="bad">{inWords(problem)}</Note>
            </div>
          ) : null}
        </div>
        <DialogActions>
          <Button onClick={onClose}>{t("action.cancel")}</Button>
          <Button type="submit" kind="primary" busy={begin.isPending}>
            {t("quarantine.action")}
          </Button>
        </DialogActions>
      </form>
    </Dialog>
  );
}

const NAME_CHARACTERS = 80;
