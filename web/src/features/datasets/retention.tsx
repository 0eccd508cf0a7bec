import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { api, client, queryClient } from "@/api/client";
import { Problem, saidBy } from "@/api/problem";
import { count, moment } from "@/i18n/format";
import { Button } from "@/ui/button";
import { Card } from "@/ui/card";
import { Failed } from "@/ui/failed";
import { TextField } from "@/ui/field";
import { Note } from "@/ui/note";
import { Skeleton } from "@/ui/skeleton";
import { toast } from "@/ui/toast";

const LIMITS = [
  { field: "keep_versions", max: 100_000 },
  { field: "keep_days", max: 36_500 },
  { field: "dormant_days", max: 36_500 },
] as const;

/** For how long versions keep their rows, and whether the dataset takes any more. */
export function Retention({ org, name }: { org: string; name: string }) {
  const { t } = useTranslation();
  const [busy, setBusy] = useState(false);
  const [problems, setProblems] = useState<Record<string, string>>({});
  const path = { org, name };
  const options = api.queryOptions("get", "/api/v1/datasets/{org}/{name}/retention", { params: { path } });
  const query = useQuery(options);
  if (query.error && !query.data) return <Failed error={query.error} retry={() => void query.refetch()} />;
  const retention = query.data;
  if (!retention) return <Skeleton className="h-[24rem] rounded-lg" />;
  const change = async (send: () => Promise<{ data?: typeof retention | undefined }>, words: string) => {
    setBusy(true);
    setProblems({});
    try {
      const { data } = await send();
      if (data) queryClient.setQueryData(options.queryKey, data);
      await queryClient.invalidateQueries({ queryKey: ["get", "/api/v1/datasets/{org}/{name}"] });
      toast(words);
    } catch (error) {
      const fields = error instanceof Problem ? error.fields : {};
      setProblems(Object.keys(fields).length ? fields : { "": saidBy(error) });
    } finally {
      setBusy(false);
    }
  };
  const save = (form: FormData) => {
    const given = (field: string) => Number.parseInt(String(form.get(field)), 10) || null;
    const body = {
      keep_versions: given("keep_versions"),
      keep_days: given("keep_days"),
      dormant_days: given("dormant_days"),
    };
    const send = () => client.PUT("/api/v1/datasets/{org}/{name}/retention", { params: { path }, body });
    return change(send, t("retention.saved"));
  };
  const rests = retention.dormant_at !== null;
  const turn = () => {
    const send = () =>
      client.PUT("/api/v1/datasets/{org}/{name}/dormancy", { params: { path }, body: { dormant: !rests } });
    return change(send, rests ? t("retention.woken") : t("retention.rests"));
  };
  return (
    <Card title={t("retention.title")}>
      <form
        key={JSON.stringify(retention.own)}
        className="space-y-4"
        onSubmit={(event) => {
          event.preventDefault();
          void save(new FormData(event.currentTarget));
        }}
      >
        <p className="text-sm text-fg-2">{t("retention.text")}</p>
        {LIMITS.map(({ field, max }) => (
          <TextField
            key={field}
            name={field}
            type="number"
            inputMode="numeric"
            min={1}
            max={max}
            step={1}
            label={t(`retention.${field}`)}
            hint={t(`retention.${field}_hint`)}
            placeholder={retention.holds[field] ? count(retention.holds[field]) : t("retention.unlimited")}
            defaultValue={retention.own[field] ?? ""}
            problem={problems[field]}
          />
        ))}
        {retention.pushed_versions_kept ? (
          <p className="text-xs text-fg-3">
            {t("retention.pushed", { amount: count(retention.pushed_versions_kept) })}
          </p>
        ) : null}
        {retention.thinned_versions ? (
          <p className="text-xs text-fg-3">{t("retention.thinned", { amount: count(retention.thinned_versions) })}</p>
        ) : null}
        {problems[""] ? (
          <div role="alert">
            <Note tone="bad">{problems[""]}</Note>
          </div>
        ) : null}
        {retention.dormant_at ? (
          <Note tone="warn">{t("retention.restsSince", { since: moment(retention.dormant_at) })}</Note>
        ) : null}
        <div className="flex flex-wrap gap-2">
          <Button type="submit" kind="primary" busy={busy}>
            {t("action.save")}
          </Button>
          <Button disabled={busy} onClick={() => void turn()}>
            {rests ? t("retention.wake") : t("retention.rest")}
          </Button>
        </div>
      </form>
    </Card>
  );
}
