import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { bytes } from "@/i18n/format";
import { useMe } from "@/shell/me";
import { Button } from "@/ui/button";
import { Dialog, DialogActions } from "@/ui/dialog";
import { DropZone } from "@/ui/drop-zone";
import { TextField } from "@/ui/field";
import { Note } from "@/ui/note";
import { Progress } from "@/ui/progress";
import { TabPanel, Tabs } from "@/ui/tabs";
import { AddressForm } from "./address-form";
import { nameOf, upload, useUploading } from "./uploading";

const ACCEPT = ".csv,.tsv,.txt,.parquet,.jsonl,.ndjson,.arrow,.feather,.ipc,.xlsx,.gz,.zst";
type Props = { dataset?: { org: string; name: string } | undefined; onClose: () => void };

/** Takes a file, or the address of one, and makes a dataset of it, or a version of `dataset`. */
export default function UploadDialog({ dataset, onClose }: Props) {
  const { t } = useTranslation();
  const uploading = useUploading();
  const [from, setFrom] = useState("file");
  const title = dataset ? t("dataset.newVersion") : t("dataset.upload");
  return (
    <Dialog open {...(uploading ? {} : { onClose })} title={title} description={t("dataset.uploadText")}>
      <Tabs
        label={title}
        value={from}
        onChange={(next) => {
          if (!uploading) setFrom(next);
        }}
        tabs={[
          { value: "file", label: t("fetch.fromFile") },
          { value: "address", label: t("fetch.fromAddress") },
        ]}
      >
        <TabPanel value="file">
          <FileForm dataset={dataset} onClose={onClose} />
        </TabPanel>
        <TabPanel value="address">
          <AddressForm dataset={dataset} onClose={onClose} />
        </TabPanel>
      </Tabs>
    </Dialog>
  );
}

function FileForm({ dataset, onClose }: Props) {
  const { t } = useTranslation();
  const me = useMe();
  const navigate = useNavigate();
  const uploading = useUploading();
  const [file, setFile] = useState<File | null>(null);
  const [name, setName] = useState("");
  const [problem, setProblem] = useState("");
  const send = async () => {
    if (!file) return;
    setProblem("");
    const org = dataset?.org ?? me.organisation ?? "";
    const wanted = dataset?.name ?? name;
    try {
      const version = await upload({ file, name: wanted, org, isNew: !dataset });
      await navigate({ to: "/datasets/$org/$name", params: { org, name: wanted }, search: { pending: version.id } });
      if (dataset) onClose();
    } catch (error) {
      if (error instanceof DOMException) return;
      setProblem(error instanceof Error ? error.message : t("failed.unknown"));
    }
  };
  return (
    <form
      className="space-y-4"
      onSubmit={(event) => {
        event.preventDefault();
        void send();
      }}
    >
      <DropZone
        label={file ? file.name : t("dataset.chooseFile")}
        hint={file ? bytes(file.size) : t("dataset.formats")}
        accept={ACCEPT}
        disabled={uploading !== null}
        onFile={(chosen) => {
          setFile(chosen);
          setName((before) => before || nameOf(chosen.name));
        }}
      />
      {dataset ? null : (
        <TextField
          label={t("field.datasetName")}
          hint={t("dataset.nameHint", { org: me.organisation ?? "" })}
          value={name}
          required
          disabled={uploading !== null}
          onChange={(event) => setName(event.target.value)}
        />
      )}
      {problem ? (
        <div role="alert">
          <Note tone="bad">{problem}</Note>
        </div>
      ) : null}
      {uploading ? <Progress label={t("dataset.sending")} fraction={uploading.fraction} /> : null}
      <DialogActions>
        {uploading ? (
          <Button onClick={uploading.abort}>{t("action.stop")}</Button>
        ) : (
          <Button onClick={onClose}>{t("action.cancel")}</Button>
        )}
        <Button type="submit" kind="primary" disabled={!file || !(dataset || name)} busy={uploading !== null}>
          {t("dataset.send")}
        </Button>
      </DialogActions>
    </form>
  );
}
