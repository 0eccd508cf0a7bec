import { useState } from "react";
import { useTranslation } from "react-i18next";
import { type Api, client } from "@/api/client";
import { FormDialog } from "@/features/form-dialog";
import { TextField } from "@/ui/field";
import { SelectField } from "@/ui/select";

const GIBIBYTE = 1024 ** 3;
type Choice = "hub" | "any" | "own";
type Props = { organisation: Api["OrganisationStorage"]; onClose: () => void; onDone: () => void };

/** The most an organisation may keep. */
export function QuotaDialog({ organisation, onClose, onDone }: Props) {
  const { t } = useTranslation();
  const { bytes_max: most } = organisation.storage;
  const now: Choice = organisation.has_own_quota ? (most === null ? "any" : "own") : "hub";
  const [choice, setChoice] = useState<Choice>(now);
  return (
    <FormDialog
      title={t("admin.storage.quotaOf", { name: organisation.organisation })}
      description={t("admin.storage.quotaText")}
      action={t("action.save")}
      onClose={onClose}
      onSubmit={async (given) => {
        const own = Math.round(Number(given.get("gibibytes")) * GIBIBYTE);
        await client.PUT("/api/v1/hub/storage/{org}/quota", {
          params: { path: { org: organisation.organisation } },
          body: { bytes_max: choice === "own" ? own : choice === "any" ? 0 : null },
        });
        onDone();
        onClose();
      }}
    >
      {(problems) => (
        <>
          <SelectField
            label={t("admin.storage.quota")}
            value={choice}
            options={(["hub", "own", "any"] as const).map((value) => ({
              value,
              label: t(`admin.storage.as.${value}`),
            }))}
            onChange={(event) => setChoice(event.target.value as Choice)}
          />
          {choice === "own" ? (
            <TextField
              label={t("admin.storage.gibibytes")}
              name="gibibytes"
              type="number"
              min={0.001}
              step="any"
              required
              defaultValue={most ? most / GIBIBYTE : 10}
              problem={problems.bytes_max}
            />
          ) : null}
        </>
      )}
    </FormDialog>
  );
}
