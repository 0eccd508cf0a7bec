import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Lock } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { api, client } from "@/api/client";
import { Problem, saidBy } from "@/api/problem";
import { requestsKey } from "@/features/organisation/keys";
import { ago } from "@/i18n/format";
import { changeOrganisation } from "@/shell/change-organisation";
import { useMe } from "@/shell/me";
import { Button } from "@/ui/button";
import { Card } from "@/ui/card";
import { Empty } from "@/ui/empty";
import { Failed } from "@/ui/failed";
import { TextArea } from "@/ui/field";
import { Note } from "@/ui/note";
import { PageHead } from "@/ui/page-head";
import { Skeleton } from "@/ui/skeleton";
import { toast } from "@/ui/toast";
import type { ObjectKind } from "./object-link";

type Props = { kind: ObjectKind; address: string; error: unknown; retry: () => void };

/** In place of an object that one does not see. Whether it is there the hub does not tell; asked for it can be. */
export function NotSeen({ kind, address, error, retry }: Props) {
  const { t } = useTranslation();
  const missing = error instanceof Problem && error.code === `${kind}_not_found`;
  if (!missing) return <Failed error={error} retry={retry} />;
  return (
    <>
      <PageHead title={kind === "run" ? t("finder.run") : address} />
      <NoAccess kind={kind} address={address} />
    </>
  );
}

function NoAccess({ kind, address }: { kind: ObjectKind; address: string }) {
  const { t } = useTranslation();
  const me = useMe();
  const other = me.organisations.find((one) => one.name !== me.organisation && address.startsWith(`${one.name}/`));
  const asked = useQuery({
    ...api.queryOptions("get", "/api/v1/access-requests", {
      params: { query: { of: "me", state: "pending", limit: 100 } },
    }),
    enabled: !other,
  });
  const pending = asked.data?.items.find((one) => one.kind === kind && one.address === address);
  const change = async () => {
    try {
      await changeOrganisation(other?.name ?? null);
    } catch (error) {
      toast(saidBy(error), { tone: "bad" });
    }
  };
  return (
    <Card className="mx-auto max-w-xl">
      <Empty icon={Lock} title={t("sharing.notSeen")}>
        {t("sharing.notSeenText", { address })}
      </Empty>
      {other ? (
        <div className="flex flex-col items-center gap-3 pb-6 text-center">
          <p className="text-fg-2">{t("sharing.elsewhere", { organisation: other.title || other.name })}</p>
          <Button kind="primary" onClick={() => void change()}>
            {t("sharing.changeTo", { organisation: other.title || other.name })}
          </Button>
        </div>
      ) : pending ? (
        <Note>{t("sharing.asked", { when: ago(pending.created_at) })}</Note>
      ) : asked.isPending ? (
        <Skeleton className="h-40" />
      ) : (
        <Ask kind={kind} address={address} />
      )}
    </Card>
  );
}

function Ask({ kind, address }: { kind: ObjectKind; address: string }) {
  const { t } = useTranslation();
  const queries = useQueryClient();
  const [problem, setProblem] = useState("");
  const [busy, setBusy] = useState(false);
  const ask = async (reason: string) => {
    setBusy(true);
    setProblem("");
    try {
      await client.POST("/api/v1/access-requests", { body: { kind, address, reason } });
      await queries.invalidateQueries({ queryKey: ["get", "/api/v1/access-requests"] });
      await queries.invalidateQueries({ queryKey: requestsKey("mine") });
    } catch (error) {
      setProblem(saidBy(error));
    } finally {
      setBusy(false);
    }
  };
  return (
    <form
      className="space-y-4"
      onSubmit={(event) => {
        event.preventDefault();
        void ask(String(new FormData(event.currentTarget).get("reason")));
      }}
    >
      <TextArea
        name="reason"
        label={t("sharing.reason")}
        hint={t("sharing.reasonHint")}
        required
        maxLength={1000}
        problem={problem}
      />
      <Button type="submit" kind="primary" busy={busy}>
        {t("sharing.ask")}
      </Button>
    </form>
  );
}
