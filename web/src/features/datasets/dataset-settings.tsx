import { useQueries, useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { type Api, api, client, queryClient } from "@/api/client";
import { Problem, saidBy } from "@/api/problem";
import { Button } from "@/ui/button";
import { Card } from "@/ui/card";
import { Checkbox } from "@/ui/checkbox";
import { Confirm } from "@/ui/confirm";
import { Failed } from "@/ui/failed";
import { TextArea, TextField } from "@/ui/field";
import { Note } from "@/ui/note";
import { Skeleton } from "@/ui/skeleton";
import { toast } from "@/ui/toast";
import { Compatibility } from "./compatibility";
import { PersonalData } from "./personal-data";
import { Retention } from "./retention";

type Props = { org: string; name: string; dataset: Api["Dataset"] };
const DATASET = "/api/v1/datasets/{org}/{name}";

/** What a dataset says of itself, which changes of its columns it allows, and its end. */
export default function DatasetSettings({ org, name, dataset }: Props) {
  return (
    <div className="grid grid-cols-1 items-start gap-4 lg:grid-cols-[3fr_2fr]">
      <Facts org={org} name={name} dataset={dataset} />
      <Rules org={org} name={name} />
    </div>
  );
}

/** The cards that stand below one another come at once, so that none moves when the one above it knows its height. */
function Rules({ org, name }: { org: string; name: string }) {
  const params = { path: { org, name } };
  const known = useQueries({
    queries: [
      api.queryOptions("get", "/api/v1/datasets/{org}/{name}/personal-columns", { params }),
      api.queryOptions("get", "/api/v1/datasets/{org}/{name}/schema-compatibility", { params }),
      api.queryOptions("get", "/api/v1/datasets/{org}/{name}/retention", { params }),
      {
        ...api.queryOptions("get", "/api/v1/datasets/{org}/{name}/versions/{number}", {
          params: { path: { org, name, number: "latest" } },
        }),
        retry: false,
      },
    ],
  });
  if (known.some((one) => one.isPending)) return <Skeleton className="h-[60rem] rounded-lg" />;
  return (
    <div className="min-w-0 space-y-4">
      <PersonalData org={org} name={name} />
      <Compatibility org={org} name={name} />
      <Retention org={org} name={name} />
      <Archive org={org} name={name} />
    </div>
  );
}

function Facts({ org, name, dataset }: Props) {
  const { t } = useTranslation();
  const [busy, setBusy] = useState(false);
  const [problems, setProblems] = useState<Record<string, string>>({});
  const path = { org, name };
  const readme = useQuery(api.queryOptions("get", "/api/v1/datasets/{org}/{name}/readme", { params: { path } }));
  if (readme.error && !readme.data) return <Failed error={readme.error} retry={() => void readme.refetch()} />;
  if (!readme.data) return <Skeleton className="h-[34rem] rounded-lg" />;
  const anew = () => Promise.all([queryClient.invalidateQueries({ queryKey: ["get", DATASET] }), readme.refetch()]);
  const save = async (form: FormData) => {
    setBusy(true);
    setProblems({});
    const text = (field: string) => String(form.get(field)).trim();
    try {
      await client.PATCH(DATASET, {
        params: { path, header: { "If-Match": `"${dataset.revision}"` } },
        body: {
          description: text("description"),
          tags: text("tags")
            .split(/[\s,]+/)
            .filter(Boolean),
          licence: text("licence"),
          readme: String(form.get("readme")),
          sensitive: form.get("sensitive") === "on",
        },
      });
      await anew();
      toast(t("facts.saved"));
    } catch (error) {
      if (error instanceof Problem && error.status === 412) {
        await anew();
        setProblems({ "": t("facts.changed") });
      } else {
        const fields = error instanceof Problem ? error.fields : {};
        // a tag's problem is named by its place in the list
        const ofTags = Object.entries(fields).find(([field]) => /^\d+$/.test(field) || field === "tags")?.[1];
        setProblems(ofTags ? { tags: ofTags } : Object.keys(fields).length ? fields : { "": saidBy(error) });
      }
    } finally {
      setBusy(false);
    }
  };
  return (
    <Card title={t("facts.title")}>
      <form
        key={dataset.revision}
        className="space-y-4"
        onSubmit={(event) => {
          event.preventDefault();
          void save(new FormData(event.currentTarget));
        }}
      >
        <TextArea
          name="description"
          label={t("facts.description")}
          maxLength={10_000}
          defaultValue={dataset.description}
          problem={problems.description}
        />
        <div className="grid gap-4 sm:grid-cols-2">
          <TextField
            name="tags"
            label={t("facts.tags")}
            hint={t("facts.tagsHint")}
            autoComplete="off"
            spellCheck={false}
            defaultValue={dataset.tags.join(", ")}
            problem={problems.tags}
          />
          <TextField
            name="licence"
            label={t("facts.licence")}
            hint={t("facts.licenceHint")}
            maxLength={200}
            autoComplete="off"
            spellCheck={false}
            defaultValue={dataset.licence}
            problem={problems.licence}
          />
        </div>
        <TextArea
          name="readme"
          label={t("facts.readme")}
          rows={12}
          maxLength={100_000}
          className="mono text-sm leading-6"
          defaultValue={readme.data.readme}
          problem={problems.readme}
        />
        <Checkbox name="sensitive" label={t("facts.sensitive")} defaultChecked={dataset.sensitive} />
        {problems[""] ? (
          <div role="alert">
            <Note tone="bad">{problems[""]}</Note>
          </div>
        ) : null}
        <Button type="submit" kind="primary" busy={busy}>
          {t("action.save")}
        </Button>
      </form>
    </Card>
  );
}

function Archive({ org, name }: { org: string; name: string }) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const [asking, setAsking] = useState(false);
  return (
    <Card title={t("facts.archive")}>
      <p className="mb-3 text-sm text-fg-2">{t("facts.archiveText")}</p>
      <Button kind="danger" onClick={() => setAsking(true)}>
        {t("facts.archive")}
      </Button>
      <Confirm
        open={asking}
        onClose={() => setAsking(false)}
        title={t("facts.archiveOf", { name })}
        text={t("facts.archiveText")}
        action={t("facts.archive")}
        typed={`${org}/${name}`}
        onConfirm={async () => {
          await client.DELETE(DATASET, { params: { path: { org, name } } });
          await queryClient.invalidateQueries({ queryKey: ["get", "/api/v1/datasets"] });
          await navigate({ to: "/datasets" });
        }}
      />
    </Card>
  );
}
