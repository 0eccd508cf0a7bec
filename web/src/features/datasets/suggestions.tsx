import { useQuery } from "@tanstack/react-query";
import { ArrowLeft, Pencil, Sparkles } from "lucide-react";
import { lazy, Suspense, useState } from "react";
import { useTranslation } from "react-i18next";
import { type Api, api, client, queryClient } from "@/api/client";
import { saidBy } from "@/api/problem";
import { useHubWords } from "@/i18n/hub";
import { Badge } from "@/ui/badge";
import { Button } from "@/ui/button";
import { Card } from "@/ui/card";
import { Checkbox } from "@/ui/checkbox";
import { Empty } from "@/ui/empty";
import { Failed } from "@/ui/failed";
import { Skeleton, SkeletonRows } from "@/ui/skeleton";
import { toast } from "@/ui/toast";
import { wordsOf } from "./check-words";

const CheckBuilder = lazy(() => import("./check-builder"));

type Props = { org: string; name: string; version: number; columns: Api["ColumnOut"][]; onClose: () => void };
type Decided = Partial<Api["SuggestionsDecided"]>;
const SUGGESTIONS = "/api/v1/datasets/{org}/{name}/checks/suggestions";

/** The checks that the newest version speaks for, to be kept or refused, several at once. */
export default function Suggestions({ org, name, version, columns, onClose }: Props) {
  const { t } = useTranslation();
  const inWords = useHubWords();
  const path = { org, name };
  const options = api.queryOptions("get", SUGGESTIONS, { params: { path } });
  const query = useQuery(options);
  const [chosen, setChosen] = useState<ReadonlySet<string> | null>(null);
  const [busy, setBusy] = useState(false);
  const [edited, setEdited] = useState<Api["Suggestion"] | null>(null);
  if (query.error && !query.data) return <Failed error={query.error} retry={() => void query.refetch()} />;
  if (!query.data) return <SkeletonRows />;
  const { items, refused } = query.data;
  // all but those that the data contradicts, until somebody chooses
  const picked = chosen ?? new Set(items.filter((one) => !one.finds_fault).map((one) => one.name));
  const names = items.map((one) => one.name).filter((one) => picked.has(one));
  const send = async (decided: Decided) => {
    const { data } = await client.POST(SUGGESTIONS, {
      params: { path },
      body: { accept: [], refuse: [], suggest_again: [], ...decided },
    });
    if (data) queryClient.setQueryData(options.queryKey, data.suggestions);
    await queryClient.invalidateQueries({ queryKey: ["get", "/api/v1/datasets/{org}/{name}/checks"] });
    setChosen(null);
  };
  const decide = async (decided: Decided, said?: string) => {
    setBusy(true);
    try {
      await send(decided);
      if (said) toast(said);
    } catch (error) {
      toast(saidBy(error), { tone: "bad" });
    } finally {
      setBusy(false);
    }
  };
  const keep = () =>
    decide({ accept: names.map((one) => ({ name: one })) }, t("suggestion.kept", { count: names.length }));
  if (edited) {
    return (
      <Suspense fallback={<Skeleton className="h-[34rem] rounded-lg" />}>
        <CheckBuilder
          org={org}
          name={name}
          version={version}
          columns={columns}
          check={null}
          suggested={{
            definition: edited.definition,
            keep: (definition) => send({ accept: [{ name: edited.name, definition }] }),
          }}
          onClose={() => setEdited(null)}
        />
      </Suspense>
    );
  }
  return (
    <>
      <Button kind="ghost" onClick={onClose} className="mb-3 -ml-2">
        <ArrowLeft size={15} aria-hidden />
        {t("check.back")}
      </Button>
      <Card
        flush
        title={t("suggestion.title")}
        actions={
          items.length ? (
            <>
              <Button
                disabled={!names.length || busy}
                onClick={() => void decide({ refuse: names }, t("suggestion.refused", { count: names.length }))}
              >
                {t("suggestion.refuse")}
              </Button>
              <Button kind="primary" busy={busy} disabled={!names.length} onClick={() => void keep()}>
                {t("suggestion.keep")}
              </Button>
            </>
          ) : null
        }
      >
        {items.length ? (
          <>
            <div className="border-b border-line px-4">
              <Checkbox
                label={names.length ? t("suggestion.chosen", { count: names.length }) : t("suggestion.all")}
                checked={names.length === items.length}
                onChange={(event) => setChosen(new Set(event.target.checked ? items.map((one) => one.name) : []))}
              />
            </div>
            <ul aria-label={t("suggestion.title")} className="divide-y divide-line">
              {items.map((one) => (
                <li key={one.name} className="flex items-start gap-2 py-1 pr-2 pl-4">
                  <div className="min-w-0 flex-1">
                    <Checkbox
                      label={
                        <>
                          <span className="font-medium break-words">{wordsOf(one.definition, t)}</span>
                          {one.finds_fault ? (
                            <Badge tone="warn" className="ml-2">
                              {t("suggestion.fault")}
                            </Badge>
                          ) : null}
                        </>
                      }
                      hint={inWords(one.reason)}
                      checked={picked.has(one.name)}
                      onChange={() => {
                        const next = new Set(names);
                        if (!next.delete(one.name)) next.add(one.name);
                        setChosen(next);
                      }}
                    />
                  </div>
                  <Button
                    kind="ghost"
                    size="icon"
                    aria-label={t("suggestion.edit", { check: wordsOf(one.definition, t) })}
                    title={t("suggestion.editTitle")}
                    onClick={() => setEdited(one)}
                  >
                    <Pencil size={15} aria-hidden />
                  </Button>
                </li>
              ))}
            </ul>
          </>
        ) : (
          <Empty icon={Sparkles} title={t("suggestion.none")}>
            {t("suggestion.noneText")}
          </Empty>
        )}
        {refused.length ? (
          <div className="border-t border-line p-3 text-center">
            <Button kind="ghost" onClick={() => void decide({ suggest_again: refused })}>
              {t("suggestion.again", { count: refused.length })}
            </Button>
          </div>
        ) : null}
      </Card>
    </>
  );
}
