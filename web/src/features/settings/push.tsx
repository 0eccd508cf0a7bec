import { useQuery } from "@tanstack/react-query";
import { BellOff, BellRing, Trash2 } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { type Api, api, client, queryClient } from "@/api/client";
import { saidBy } from "@/api/problem";
import { ago } from "@/i18n/format";
import { bePushed, bePushedNoMore, pushed, pushedAs } from "@/shell/pushed";
import { Badge } from "@/ui/badge";
import { Button } from "@/ui/button";
import { Card } from "@/ui/card";
import { Note } from "@/ui/note";
import { Skeleton } from "@/ui/skeleton";
import { toast } from "@/ui/toast";

const OPTIONS = api.queryOptions("get", "/api/v1/push-subscriptions");
const STATE_KEY = ["pushed"];

/** This browser's pushes, and the others that are pushed to. */
export function PushCard() {
  const { t } = useTranslation();
  const [busy, setBusy] = useState(false);
  const state = useQuery({ queryKey: STATE_KEY, queryFn: pushed, staleTime: 0 });
  const browsers = useQuery(OPTIONS);
  const anew = () => {
    void queryClient.invalidateQueries({ queryKey: OPTIONS.queryKey });
    void queryClient.invalidateQueries({ queryKey: STATE_KEY });
  };
  const turnOn = async () => {
    setBusy(true);
    try {
      if (await bePushed()) toast(t("notify.turnedOn"));
    } catch (error) {
      toast(saidBy(error), { tone: "bad" });
    } finally {
      setBusy(false);
      anew();
    }
  };
  const remove = async (one: Api["PushSubscriptionOut"]) => {
    const before = queryClient.getQueryData<Api["PushSubscriptions"]>(OPTIONS.queryKey);
    const left = before?.subscriptions.filter((other) => other.id !== one.id) ?? [];
    queryClient.setQueryData(OPTIONS.queryKey, { subscriptions: left });
    try {
      await client.DELETE("/api/v1/push-subscriptions/{subscription_id}", {
        params: { path: { subscription_id: one.id } },
      });
      if (one.id === pushedAs()) await bePushedNoMore();
      toast(t("notify.removed", { device: one.device || one.service }));
    } catch (error) {
      queryClient.setQueryData(OPTIONS.queryKey, before);
      toast(saidBy(error), { tone: "bad" });
    }
    anew();
  };
  const mine = browsers.data?.subscriptions.find((one) => one.id === pushedAs());
  return (
    <Card title={t("notify.push")}>
      <p className="mb-3 text-fg-2">{t("notify.browsersText")}</p>
      {state.data && browsers.data ? (
        <>
          {state.data === "unsupported" || state.data === "blocked" ? (
            <Note tone="warn">{t(`notify.${state.data}`)}</Note>
          ) : state.data === "on" && mine ? (
            <Button onClick={() => void remove(mine)}>
              <BellOff size={15} aria-hidden />
              {t("notify.turnOff")}
            </Button>
          ) : (
            <Button kind="primary" busy={busy} onClick={() => void turnOn()}>
              <BellRing size={15} aria-hidden />
              {t("notify.turnOn")}
            </Button>
          )}
          {browsers.data.subscriptions.length ? (
            <ul aria-label={t("notify.browsers")} className="mt-3 divide-y divide-line border-t border-line">
              {browsers.data.subscriptions.map((one) => (
                <li key={one.id} className="flex min-h-12 items-center gap-2 py-1">
                  <span className="min-w-0 flex-1">
                    <span className="block truncate">{one.device || one.service}</span>
                    <span className="block truncate text-xs text-fg-3">
                      {`${one.service} · ${t("notify.since", { when: ago(one.created_at) })}`}
                    </span>
                  </span>
                  {one.id === pushedAs() ? <Badge tone="ok">{t("notify.this")}</Badge> : null}
                  <Button
                    kind="ghost"
                    size="icon"
                    aria-label={t("notify.removeBrowser", { device: one.device || one.service })}
                    onClick={() => void remove(one)}
                  >
                    <Trash2 size={15} aria-hidden />
                  </Button>
                </li>
              ))}
            </ul>
          ) : (
            <p className="mt-3 text-sm text-fg-3">{t("notify.browsersNone")}</p>
          )}
        </>
      ) : (
        <Skeleton className="h-16 w-full" />
      )}
    </Card>
  );
}
