import { useQuery } from "@tanstack/react-query";
import { ArrowLeft } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { type Api, api, client, queryClient } from "@/api/client";
import { saidBy } from "@/api/problem";
import { Button } from "@/ui/button";
import { Card } from "@/ui/card";
import { Failed } from "@/ui/failed";
import { TextArea, TextField } from "@/ui/field";
import { Note } from "@/ui/note";
import { SelectField } from "@/ui/select";
import { Skeleton } from "@/ui/skeleton";
import { toast } from "@/ui/toast";
import { CheckField } from "./check-fields";
import { begun, type Column, cleaned, isFilled, type Kind } from "./check-form";
import { CheckTrial } from "./check-trial";
import type { Definition } from "./check-words";
import { definitionOf, yamlOf } from "./check-yaml";

type Path = { org: string; name: string };
type Props = Path & {
  version: number;
  columns: Column[];
  check: Api["Check"] | null;
  /** One that is not kept yet, and what keeps it in place of a new check. */
  suggested?: { definition: Definition; keep: (definition: Definition) => Promise<unknown> };
  onClose: () => void;
};

/** A check being made or changed: its form and its YAML say the same, and a sample says what would come of it. */
export default function CheckBuilder(props: Props) {
  const query = useQuery({
    ...api.queryOptions("get", "/api/v1/check-kinds"),
    staleTime: Number.POSITIVE_INFINITY,
  });
  if (query.error && !query.data) return <Failed error={query.error} retry={() => void query.refetch()} />;
  if (!query.data) return <Skeleton className="h-[34rem] rounded-lg" />;
  return <Builder {...props} kinds={query.data.items} />;
}

function Builder({ org, name, version, columns, check, suggested, kinds, onClose }: Props & { kinds: Kind[] }) {
  const { t } = useTranslation();
  const first = kinds[0]?.kind ?? "not_null";
  const [definition, setDefinition] = useState<Definition>(
    check?.definition ?? suggested?.definition ?? { kind: first },
  );
  const [when, setWhen] = useState({ schedule: check?.schedule ?? "", zone: check?.zone ?? ownZone() });
  const [problem, setProblem] = useState("");
  const [busy, setBusy] = useState(false);
  const kind = kinds.find((one) => one.kind === definition.kind);
  const written = cleaned(definition, kind);
  const set = (field: string) => (value: unknown) => setDefinition((now) => ({ ...now, [field]: value }));
  const save = async () => {
    setBusy(true);
    setProblem("");
    try {
      const body = { definition: written, schedule: when.schedule.trim(), zone: when.zone };
      await (suggested
        ? suggested.keep(written)
        : check
          ? client.PATCH("/api/v1/checks/{check_id}", {
              params: { path: { check_id: check.id }, header: { "If-Match": `"${check.revision}"` } },
              body,
            })
          : client.POST("/api/v1/datasets/{org}/{name}/checks", {
              params: { path: { org, name } },
              body: { ...body, reason: "" },
            }));
      await queryClient.invalidateQueries({ queryKey: ["get", "/api/v1/datasets/{org}/{name}/checks"] });
      toast(t("check.saved"));
      onClose();
    } catch (error) {
      setProblem(saidBy(error));
    } finally {
      setBusy(false);
    }
  };
  return (
    <>
      <Button kind="ghost" onClick={onClose} className="mb-3 -ml-2">
        <ArrowLeft size={15} aria-hidden />
        {t(suggested ? "suggestion.back" : "check.back")}
      </Button>
      <div className="grid grid-cols-1 items-start gap-4 lg:grid-cols-2">
        <Card title={t(check ? "check.change" : "check.build")}>
          <form
            className="space-y-4"
            onSubmit={(event) => {
              event.preventDefault();
              void save();
            }}
          >
            <SelectField
              label={t("check.kindLabel")}
              hint={t(`check.about.${definition.kind as "range"}`, { defaultValue: kind?.about ?? "" })}
              value={String(definition.kind)}
              options={kinds.map((one) => ({
                value: one.kind,
                label: t(`check.kind.${one.kind as "range"}`, { defaultValue: one.kind }),
              }))}
              onChange={(event) => {
                const next = kinds.find((one) => one.kind === event.target.value);
                if (next) setDefinition(begun(next, definition, columns));
              }}
            />
            {kind?.fields.map((field) => (
              <CheckField
                key={`${kind.kind} ${field.name}`}
                field={field}
                definition={definition}
                columns={columns}
                onChange={set(field.name)}
              />
            ))}
            <OfAll definition={definition} set={set} when={suggested ? null : when} onWhen={setWhen} />
            {problem ? (
              <div role="alert">
                <Note tone="bad">{problem}</Note>
              </div>
            ) : null}
            <div className="flex justify-end gap-2">
              <Button onClick={onClose}>{t("action.cancel")}</Button>
              <Button type="submit" kind="primary" busy={busy} disabled={!isFilled(definition, kind)}>
                {t("check.save")}
              </Button>
            </div>
          </form>
        </Card>
        <div className="min-w-0 space-y-4">
          <Yaml written={written} onChange={setDefinition} />
          <CheckTrial
            org={org}
            name={name}
            version={version}
            definition={written}
            isFilled={isFilled(definition, kind)}
          />
        </div>
      </div>
    </>
  );
}

const ownZone = () => Intl.DateTimeFormat().resolvedOptions().timeZone;

type When = { schedule: string; zone: string };
type OfAllProps = {
  definition: Definition;
  set: (field: string) => (value: unknown) => void;
  /** Null for one that cannot have a time yet. */
  when: When | null;
  onWhen: (when: When) => void;
};

/** What every check has: how bad its failure is, who answers for it, and when it runs. */
function OfAll({ definition, set, when, onWhen }: OfAllProps) {
  const { t } = useTranslation();
  const zones = [...new Set([when?.zone ?? "UTC", "UTC", ...Intl.supportedValuesOf("timeZone")])];
  const blocking = definition.blocking === true ? "yes" : definition.blocking === false ? "no" : "default";
  return (
    <>
      <SelectField
        label={t("check.severity")}
        value={String(definition.severity ?? "error")}
        options={(["error", "warning"] as const).map((one) => ({ value: one, label: t(`check.severityOf.${one}`) }))}
        onChange={(event) => set("severity")(event.target.value)}
      />
      <details>
        <summary className="w-fit cursor-pointer text-sm text-fg-2 hover:text-fg pointer-coarse:py-3">
          {t("check.more")}
        </summary>
        <div className="mt-3 space-y-4">
          <SelectField
            label={t("check.blocking")}
            value={blocking}
            options={(["default", "yes", "no"] as const).map((one) => ({
              value: one,
              label: t(`check.blockingOf.${one}`),
            }))}
            onChange={(event) =>
              set("blocking")(event.target.value === "default" ? null : event.target.value === "yes")
            }
          />
          <TextField
            label={t("check.owner")}
            maxLength={200}
            value={String(definition.owner ?? "")}
            onChange={(event) => set("owner")(event.target.value)}
          />
          <Tags tags={definition.tags} onChange={set("tags")} />
          {when ? (
            <div className="grid gap-3 sm:grid-cols-2">
              <TextField
                label={t("check.schedule")}
                hint={t("check.scheduleHint")}
                maxLength={100}
                autoComplete="off"
                spellCheck={false}
                className="mono text-sm"
                value={when.schedule}
                onChange={(event) => onWhen({ ...when, schedule: event.target.value })}
              />
              <SelectField
                label={t("check.zone")}
                value={when.zone}
                options={zones.map((one) => ({ value: one, label: one.replaceAll("_", " ") }))}
                onChange={(event) => onWhen({ ...when, zone: event.target.value })}
              />
            </div>
          ) : null}
        </div>
      </details>
    </>
  );
}

function Tags({ tags, onChange }: { tags: unknown; onChange: (tags: string[]) => void }) {
  const { t } = useTranslation();
  const [text, setText] = useState(Array.isArray(tags) ? tags.join(", ") : "");
  return (
    <TextField
      label={t("check.tags")}
      hint={t("check.hint.texts")}
      value={text}
      onChange={(event) => {
        setText(event.target.value);
        onChange(
          event.target.value
            .split(",")
            .map((one) => one.trim())
            .filter(Boolean),
        );
      }}
    />
  );
}

/** The same as YAML; what is typed here fills the form once it is a check. */
function Yaml({ written, onChange }: { written: Definition; onChange: (definition: Definition) => void }) {
  const { t } = useTranslation();
  const [typed, setTyped] = useState<string | null>(null);
  const own = yamlOf(written);
  const found = typed === null ? null : definitionOf(typed);
  const problem =
    found && "line" in found ? (found.line ? t("check.yamlWrong", found) : t("check.yamlOne")) : undefined;
  return (
    <Card title={t("check.yaml")}>
      <TextArea
        label={t("check.yaml")}
        hint={t("check.yamlHint")}
        problem={problem}
        rows={Math.min(16, Math.max(6, own.split("\n").length + 1))}
        spellCheck={false}
        className="mono text-sm leading-6"
        value={typed ?? own}
        onChange={(event) => {
          setTyped(event.target.value);
          const next = definitionOf(event.target.value);
          if ("definition" in next) onChange(next.definition);
        }}
        // what was typed becomes what is written, unless something is wrong with it
        onBlur={() => found && "definition" in found && setTyped(null)}
      />
    </Card>
  );
}
