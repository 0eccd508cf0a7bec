import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { type Api, api, queryClient } from "@/api/client";
import { Problem } from "@/api/problem";
import { Button } from "@/ui/button";
import { Dialog, DialogActions } from "@/ui/dialog";
import { TextField } from "@/ui/field";
import { toast } from "@/ui/toast";

/** Makes a model version of a finished run. */
export function RegisterRun({ run, onClose }: { run: Api["Run"]; onClose: () => void }) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const [problem, setProblem] = useState("");
  const register = api.useMutation("post", "/api/v1/runs/{run_id}/register", {
    onSuccess: async (made) => {
      await queryClient.invalidateQueries({ queryKey: ["get", "/api/v1/models"] });
      const [org = "", name = ""] = made.model.split("/");
      toast(t("run.registered", { model: made.model, number: made.number }));
      await navigate({ to: "/models/$org/$name", params: { org, name }, search: {} });
    },
    onError: (error: unknown) => setProblem(error instanceof Problem ? error.message : t("failed.unknown")),
  });
  return (
    <Dialog open onClose={onClose} title={t("run.register")} description={t("run.registerText")}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          const form = new FormData(event.currentTarget);
          setProblem("");
          register.mutate({
            params: { path: { run_id: run.id } },
            body: { name: String(form.get("name")), alias: String(form.get("alias")) || null },
          });
        }}
      >
        <div className="space-y-3">
          <TextField
            label={t("field.modelName")}
            name="name"
            required
            defaultValue={run.dataset.split("/")[1]}
            problem={problem}
          />
          <TextField label={t("field.alias")} name="alias" defaultValue="champion" hint={t("run.aliasHint")} />
        </div>
        <DialogActions>
          <Button onClick={onClose}>{t("action.cancel")}</Button>
          <Button type="submit" kind="primary" busy={register.isPending}>
            {t("run.registerAction")}
          </Button>
        </DialogActions>
      </form>
    </Dialog>
  );
}
