import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { type Api, api, client, queryClient } from "@/api/client";
import { saidBy } from "@/api/problem";
import { useHubWords } from "@/i18n/hub";
import { Badge } from "@/ui/badge";
import { Card } from "@/ui/card";
import { Checkbox } from "@/ui/checkbox";
import { Failed } from "@/ui/failed";
import { SelectField } from "@/ui/select";
import { SkeletonRows } from "@/ui/skeleton";
import { toast } from "@/ui/toast";
import { ErasePerson } from "./erase-person";
import { useChangesAsMember } from "./rights";

type Known = Api["PersonalColumn"];
const COLUMNS = "/api/v1/datasets/{org}/{name}/personal-columns";
const VERSION = "/api/v1/datasets/{org}/{name}/versions/{number}";

/** The columns that hold personal data, found by the scan or marked by a person, and a way to say otherwise. */
export function PersonalData({ org, name }: { org: string; name: string }) {
  const { t } = useTranslation();
  const inWords = useHubWords();
  const [busy, setBusy] = useState(false);
  const mayErase = useChangesAsMember(org);
  const path = { org, name };
  const options = api.queryOptions("get", COLUMNS, { params: { path } });
  const query = useQuery(options);
  const latest = useQuery({
    ...api.queryOptions("get", VERSION, { params: { path: { ...path, number: "latest" } } }),
    retry: false,
  });
  const decide = async (column: string, isMarked: boolean, kind: Known["kind"]) => {
    setBusy(true);
    try {
      const { data } = await client.PUT(COLUMNS, {
        params: { path },
        body: { column, is_marked: isMarked, kind },
      });
      queryClient.setQueryData(options.queryKey, data);
      // rows and profiles are masked as they are read
      await queryClient.invalidateQueries({ queryKey: ["get", VERSION] });
      toast(t(isMarked ? "personal.marked" : "personal.unmarked", { column }));
    } catch (error) {
      toast(saidBy(error), { tone: "bad" });
    } finally {
      setBusy(false);
    }
  };
  if (query.error && !query.data) return <Failed error={query.error} retry={() => void query.refetch()} />;
  const known = query.data?.items;
  const columns = (latest.data?.table_schema?.columns ?? []).map((column) => column.name);
  const others = columns.filter((column) => !known?.some((one) => one.name === column));
  const marked = columns.filter((column) => known?.some((one) => one.name === column && one.is_marked));
  return (
    <Card title={t("personal.title")}>
      <p className="mb-2 text-sm text-fg-2">{t("personal.text")}</p>
      {known ? (
        <ul aria-label={t("personal.title")}>
          {known.map((one) => (
            <li key={one.name}>
              <Checkbox
                label={
                  <>
                    <span className="font-medium break-words">{one.name}</span>
                    <Badge tone={one.is_marked ? "accent" : "neutral"} className="ml-2">
                      {t(one.is_marked ? `personal.kind.${one.kind}` : "personal.plain")}
                    </Badge>
                  </>
                }
                hint={inWords(one.reason)}
                checked={one.is_marked}
                disabled={busy}
                onChange={() => void decide(one.name, !one.is_marked, one.kind)}
              />
            </li>
          ))}
        </ul>
      ) : (
        <SkeletonRows />
      )}
      {known && !known.length ? <p className="mb-2 text-sm text-fg-3">{t("personal.none")}</p> : null}
      {others.length ? (
        <SelectField
          label={t("personal.another")}
          value=""
          disabled={busy}
          options={[
            { value: "", label: t("personal.choose") },
            ...others.map((column) => ({ value: column, label: column })),
          ]}
          onChange={(event) => {
            if (event.target.value) void decide(event.target.value, true, "other");
          }}
        />
      ) : null}
      {mayErase && known && !latest.isPending ? (
        <ErasePerson org={org} name={name} columns={[...new Set([...marked, ...columns])]} />
      ) : null}
    </Card>
  );
}
