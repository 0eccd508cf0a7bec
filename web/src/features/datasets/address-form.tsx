import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { client } from "@/api/client";
import { Problem } from "@/api/problem";
import { useMe } from "@/shell/me";
import { Button } from "@/ui/button";
import { DialogActions } from "@/ui/dialog";
import { TextField } from "@/ui/field";
import { Note } from "@/ui/note";
import { SelectField } from "@/ui/select";
import { makeUnlessThere, nameInAddress } from "./uploading";

const FORMATS = ["csv", "parquet", "jsonl", "arrow", "excel"] as const;
type Format = (typeof FORMATS)[number] | "";
type Props = { dataset?: { org: string; name: string } | undefined; onClose: () => void };

/** Has the hub fetch a file from the web and make a dataset of it, or a version of `dataset`. */
export function AddressForm({ dataset, onClose }: Props) {
  const { t } = useTranslation();
  const me = useMe();
  const navigate = useNavigate();
  const [url, setUrl] = useState("");
  const [named, setNamed] = useState<string | null>(null);
  const [format, setFormat] = useState<Format>("");
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<{ url?: string; other?: string }>({});
  const suggested = nameInAddress(url);
  const name = dataset?.name ?? named ?? suggested ?? "";
  const begin = async () => {
    if (suggested === null) return setProblem({ url: t("fetch.noAddress") });
    const org = dataset?.org ?? me.organisation ?? "";
    setBusy(true);
    setProblem({});
    try {
      if (!dataset) await makeUnlessThere(name);
      const { data: version } = await client.POST("/api/v1/datasets/{org}/{name}/fetches", {
        params: { path: { org, name } },
        body: { url: url.trim(), format: format || null },
      });
      if (!version) return;
      await navigate({ to: "/datasets/$org/$name", params: { org, name }, search: { pending: version.id } });
      if (dataset) onClose();
    } catch (error) {
      const ofUrl = error instanceof Problem ? error.fields.url : undefined;
      const words = error instanceof Error ? error.message : t("failed.unknown");
      setProblem(ofUrl ? { url: ofUrl } : { other: words });
    } finally {
      setBusy(false);
    }
  };
  return (
    <form
      className="space-y-4"
      onSubmit={(event) => {
        event.preventDefault();
        void begin();
      }}
    >
      <TextField
        label={t("fetch.address")}
        hint={t("fetch.addressHint")}
        placeholder="https://"
        inputMode="url"
        value={url}
        required
        maxLength={2000}
        autoComplete="off"
        spellCheck={false}
        problem={problem.url}
        onChange={(event) => setUrl(event.target.value)}
      />
      {dataset ? null : (
        <TextField
          label={t("field.datasetName")}
          hint={t("dataset.nameHint", { org: me.organisation ?? "" })}
          value={name}
          required
          onChange={(event) => setNamed(event.target.value)}
        />
      )}
      <SelectField
        label={t("fetch.format")}
        value={format}
        options={[
          { value: "", label: t("fetch.found") },
          ...FORMATS.map((value) => ({ value, label: t(`fetch.formats.${value}`) })),
        ]}
        onChange={(event) => setFormat(FORMATS.find((one) => one === event.target.value) ?? "")}
      />
      {problem.other ? (
        <div role="alert">
          <Note tone="bad">{problem.other}</Note>
        </div>
      ) : null}
      <DialogActions>
        <Button onClick={onClose}>{t("action.cancel")}</Button>
        <Button type="submit" kind="primary" disabled={!url || !name} busy={busy}>
          {t("fetch.begin")}
        </Button>
      </DialogActions>
    </form>
  );
}
