import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { MonitorSmartphone } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { type Api, api, client } from "@/api/client";
import { ago } from "@/i18n/format";
import { forgetEverything } from "@/shell/sign-out";
import { Badge } from "@/ui/badge";
import { Button } from "@/ui/button";
import { Card } from "@/ui/card";
import { Confirm } from "@/ui/confirm";
import { Failed } from "@/ui/failed";
import { SkeletonRows } from "@/ui/skeleton";
import { toast } from "@/ui/toast";

/** Where somebody is signed in: device, place, last use; each can be ended. */
export function Sessions() {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const queries = useQueryClient();
  const [asking, setAsking] = useState(false);
  const options = api.queryOptions("get", "/api/v1/sessions", { params: { query: { limit: 100 } } });
  const query = useQuery(options);
  const failed = (error: unknown) =>
    toast(error instanceof Error ? error.message : t("failed.unknown"), { tone: "bad" });
  const end = async (session: Api["Session"]) => {
    const before = queries.getQueryData<Api["SessionPage"]>(options.queryKey);
    // gone at once, and back when the hub refuses
    const left = before?.items.filter((one) => one.id !== session.id) ?? [];
    queries.setQueryData(options.queryKey, { items: left, next: before?.next ?? null });
    try {
      await client.DELETE("/api/v1/sessions/{session_id}", { params: { path: { session_id: session.id } } });
      toast(t("settings.ended"));
    } catch (error) {
      queries.setQueryData(options.queryKey, before);
      failed(error);
    }
  };
  const endAll = async () => {
    try {
      await client.DELETE("/api/v1/sessions");
      await forgetEverything(() => navigate({ to: "/sign-in", search: {} }));
    } catch (error) {
      failed(error);
    }
  };
  if (query.error && !query.data) return <Failed error={query.error} retry={() => void query.refetch()} />;
  return (
    <>
      <p className="mb-4 text-fg-2">{t("settings.sessionsText")}</p>
      <Card
        flush
        title={t("settings.sessions")}
        actions={
          <Button kind="danger" onClick={() => setAsking(true)}>
            {t("settings.everywhere")}
          </Button>
        }
      >
        {query.data ? (
          <ul className="divide-y divide-line">
            {query.data.items.map((session) => (
              <li key={session.id} className="flex min-h-15 flex-wrap items-center gap-3 px-4 py-2.5">
                <MonitorSmartphone size={18} aria-hidden className="text-fg-3" />
                <span className="min-w-0 flex-1">
                  <span className="flex items-center gap-2 font-medium">
                    <span className="truncate">{session.device}</span>
                    {session.current ? <Badge tone="ok">{t("settings.thisOne")}</Badge> : null}
                  </span>
                  <span className="block truncate text-sm text-fg-3">
                    <span className="mono">{session.address}</span>
                    {` · ${t("settings.lastUsed", { when: ago(session.last_used_at) })}`}
                  </span>
                </span>
                {session.current ? null : (
                  <Button
                    aria-label={t("settings.endOf", { device: session.device })}
                    onClick={() => void end(session)}
                  >
                    {t("settings.end")}
                  </Button>
                )}
              </li>
            ))}
          </ul>
        ) : (
          <SkeletonRows rows={2} />
        )}
      </Card>
      <Confirm
        open={asking}
        onClose={() => setAsking(false)}
        title={t("settings.everywhere")}
        text={t("settings.everywhereText")}
        action={t("settings.everywhere")}
        onConfirm={endAll}
      />
    </>
  );
}
