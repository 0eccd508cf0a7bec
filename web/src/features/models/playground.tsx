import { useMutation, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { type Api, send } from "@/api/client";
import { hubAddress } from "@/api/root";
import { figure, percent } from "@/i18n/format";
import { Button } from "@/ui/button";
import { Card } from "@/ui/card";
import { Bars } from "@/ui/charts/bars";
import { Code } from "@/ui/code";
import { TextField } from "@/ui/field";
import { Note } from "@/ui/note";
import { SelectField } from "@/ui/select";
import { TabPanel, Tabs } from "@/ui/tabs";
import { reportQuery } from "../runs/report";
import { curlOf, type Input, type Prediction, pythonOf, rowOf, type Signature, textsOf } from "./signature";

/** A form made of the model's signature, what it answers, and the same question as curl and Python. */
export default function Playground({ version }: { version: Api["ModelVersion"] }) {
  const { t } = useTranslation();
  const signature = version.signature as unknown as Signature;
  const address = `${version.model}@${version.number}`;
  const [texts, setTexts] = useState<Record<string, string>>(() => textsOf(signature.inputs));
  const [shown, setShown] = useState("curl");
  const runId = typeof version.origin.run_id === "string" ? version.origin.run_id : null;
  const samples = useQuery({ ...reportQuery(runId ?? ""), enabled: runId !== null }).data?.sample_rows ?? [];
  const row = rowOf(signature.inputs, texts);
  const ask = useMutation({
    mutationFn: () =>
      send<{ predictions: Prediction[] }>(
        "POST",
        `models/${address}/predict`,
        { rows: [row] },
        { "Lyceum-Trial": "1" },
      ),
  });
  const takeSample = () => {
    const sample = samples[Math.floor(Math.random() * samples.length)];
    if (!sample) return;
    const written = signature.inputs.map((input) => [input.name, textOf(sample.row[input.name])]);
    setTexts(Object.fromEntries(written));
    ask.reset();
  };
  return (
    <div className="grid grid-cols-1 items-start gap-4 lg:grid-cols-[minmax(0,3fr)_minmax(0,2fr)]">
      <Card
        title={t("playground.inputs")}
        actions={samples.length ? <Button onClick={takeSample}>{t("playground.sample")}</Button> : null}
      >
        <form
          onSubmit={(event) => {
            event.preventDefault();
            ask.mutate();
          }}
        >
          <div className="grid gap-3 sm:grid-cols-2">
            {signature.inputs.map((input) => (
              <InputField
                key={input.name}
                input={input}
                value={texts[input.name] ?? ""}
                onChange={(value) => setTexts((before) => ({ ...before, [input.name]: value }))}
              />
            ))}
          </div>
          <Button type="submit" kind="primary" className="mt-4" busy={ask.isPending}>
            {t("playground.predict")}
          </Button>
        </form>
      </Card>
      <div className="min-w-0 space-y-4">
        <Card title={t("playground.answer", { target: signature.target })}>
          <div aria-live="polite" className="min-h-28">
            {ask.error ? (
              <Note tone="bad">{ask.error.message}</Note>
            ) : ask.data?.predictions[0] ? (
              <Answer prediction={ask.data.predictions[0]} />
            ) : (
              <p className="text-fg-3">{t("playground.ask")}</p>
            )}
          </div>
        </Card>
        <Card title={t("playground.code")}>
          <Tabs
            label={t("playground.code")}
            value={shown}
            onChange={setShown}
            tabs={[
              { value: "curl", label: "curl" },
              { value: "python", label: "Python" },
            ]}
          >
            <TabPanel value="curl">
              <Code label="curl">{curlOf(hubAddress(`api/v1/models/${address}/predict`), row)}</Code>
            </TabPanel>
            <TabPanel value="python">
              <Code label="Python">{pythonOf(hubAddress(), address, row)}</Code>
            </TabPanel>
          </Tabs>
          <p className="mt-2 text-xs text-fg-3">{t("playground.key")}</p>
        </Card>
      </div>
    </div>
  );
}

const textOf = (value: unknown) => (value === null || value === undefined ? "" : String(value));

function Answer({ prediction }: { prediction: Prediction }) {
  const { t } = useTranslation();
  if (prediction.value !== undefined) {
    return <p className="num text-2xl font-semibold">{figure(prediction.value)}</p>;
  }
  const ranked = Object.entries(prediction.probabilities ?? {}).sort(([, one], [, other]) => other - one);
  return (
    <>
      <p className="mb-3 text-2xl font-semibold">{String(prediction.label)}</p>
      <Bars
        label={t("playground.probabilities")}
        bars={ranked.slice(0, 8).map(([name, value]) => ({ name, value, text: percent(value) }))}
      />
    </>
  );
}

function InputField({ input, value, onChange }: { input: Input; value: string; onChange: (value: string) => void }) {
  const { t } = useTranslation();
  const label = input.name;
  const hint = t(`inputType.${input.type}`) + (input.required ? "" : ` · ${t("playground.optional")}`);
  if (input.type === "boolean") {
    const options = ["", "true", "false"].map((one) => ({ value: one, label: one || "–" }));
    return (
      <SelectField
        label={label}
        hint={hint}
        value={value}
        options={options}
        onChange={(event) => onChange(event.target.value)}
      />
    );
  }
  const type = { number: "text", integer: "text", category: "text", date: "date", timestamp: "text" }[input.type];
  const list = input.choices.length ? `choices-${input.name}` : undefined;
  return (
    <>
      <TextField
        label={label}
        hint={hint}
        type={type}
        value={value}
        list={list}
        inputMode={input.type === "number" || input.type === "integer" ? "decimal" : undefined}
        autoComplete="off"
        onChange={(event) => onChange(event.target.value)}
      />
      {list ? (
        <datalist id={list}>
          {input.choices.slice(0, 100).map((choice) => (
            <option key={choice} value={choice} />
          ))}
        </datalist>
      ) : null}
    </>
  );
}
