import { useQuery, useQueryClient } from "@tanstack/react-query";
import { LogIn } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { type Api, api, client } from "@/api/client";
import { saidBy } from "@/api/problem";
import { ago } from "@/i18n/format";
import { signInOptions } from "@/shell/sign-in-options";
import { Badge } from "@/ui/badge";
import { Button } from "@/ui/button";
import { Card } from "@/ui/card";
import { Confirm } from "@/ui/confirm";
import { toast } from "@/ui/toast";

const HERE = "/settings?tab=security";
export const connectionsQuery = api.queryOptions("get", "/api/v1/me/sign-ons");
type Connection = Api["Connection"];

/** The providers by which somebody can sign in, and those they could connect; nothing where the hub knows none. */
export function Connections() {
  const { t } = useTranslation();
  const queries = useQueryClient();
  const query = useQuery(connectionsQuery);
  const providers = useQuery(signInOptions).data?.providers ?? [];
  const [parting, setParting] = useState<Connection | null>(null);
  const [going, setGoing] = useState("");
  const mine = query.data?.items ?? [];
  const others = providers.filter((one) => !mine.some((connection) => connection.provider === one.id));
  if (!query.data || (!mine.length && !others.length)) return null;
  const connect = async (provider: string) => {
    setGoing(provider);
    try {
      const params = { path: { provider } };
      const { data } = await client.POST("/api/v1/sign-on/{provider}/connection", {
        params,
        body: { return_to: HERE },
      });
      if (data) location.assign(data.url);
    } catch (error) {
      setGoing("");
      toast(saidBy(error), { tone: "bad" });
    }
  };
  const part = async ({ id }: Connection) => {
    queries.setQueryData(connectionsQuery.queryKey, { items: mine.filter((one) => one.id !== id) });
    try {
      await client.DELETE("/api/v1/me/sign-ons/{connection_id}", { params: { path: { connection_id: id } } });
    } catch (error) {
      queries.setQueryData(connectionsQuery.queryKey, query.data);
      toast(saidBy(error), { tone: "bad" });
    }
  };
  return (
    <Card flush title={t("signOn.title")}>
      <ul className="divide-y divide-line">
        {mine.map((connection) => (
          <li key={connection.id} className="flex min-h-15 flex-wrap items-center gap-3 px-4 py-2.5">
            <LogIn size={18} aria-hidden className="shrink-0 text-fg-3" />
            <span className="min-w-0 flex-1">
              <span className="flex items-center gap-2 font-medium">
                <span className="truncate">{connection.title}</span>
                {connection.ended_at ? <Badge tone="warn">{t("signOn.ended")}</Badge> : null}
              </span>
              <span className="block truncate text-sm text-fg-3">
                {[connection.email, t("signOn.last", { when: ago(connection.signed_on_at) })]
                  .filter(Boolean)
                  .join(" · ")}
              </span>
            </span>
            <Button
              aria-label={t("signOn.disconnectOf", { provider: connection.title })}
              onClick={() => setParting(connection)}
            >
              {t("signOn.disconnect")}
            </Button>
          </li>
        ))}
        {others.map((provider) => (
          <li key={provider.id} className="flex min-h-15 flex-wrap items-center gap-3 px-4 py-2.5">
            <LogIn size={18} aria-hidden className="shrink-0 text-fg-3" />
            <span className="min-w-0 flex-1 truncate">{provider.name}</span>
            <Button
              busy={going === provider.id}
              aria-label={t("signOn.connectOf", { provider: provider.name })}
              onClick={() => void connect(provider.id)}
            >
              {t("signOn.connect")}
            </Button>
          </li>
        ))}
      </ul>
      <Confirm
        open={parting !== null}
        onClose={() => setParting(null)}
        title={t("signOn.disconnectOf", { provider: parting?.title ?? "" })}
        text={t("signOn.disconnectText")}
        action={t("signOn.disconnect")}
        onConfirm={async () => {
          if (parting) await part(parting);
        }}
      />
    </Card>
  );
}
