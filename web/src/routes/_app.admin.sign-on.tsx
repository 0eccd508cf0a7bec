import { useQuery, useQueryClient } from "@tanstack/react-query";
import { createFileRoute } from "@tanstack/react-router";
import { Fingerprint, Plus } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { type Api, api, client } from "@/api/client";
import { saidBy } from "@/api/problem";
import { ProviderDialog } from "@/features/admin/provider-dialog";
import { ProviderRules } from "@/features/admin/provider-rules";
import { Badge } from "@/ui/badge";
import { Button } from "@/ui/button";
import { Card } from "@/ui/card";
import { Code } from "@/ui/code";
import { Confirm } from "@/ui/confirm";
import { Empty } from "@/ui/empty";
import { Failed } from "@/ui/failed";
import { Note } from "@/ui/note";
import { PageHead } from "@/ui/page-head";
import { SkeletonRows } from "@/ui/skeleton";
import { toast } from "@/ui/toast";

export const Route = createFileRoute("/_app/admin/sign-on")({ component: SignOn });

type Provider = Api["SignOnProvider"];

function SignOn() {
  const { t } = useTranslation();
  const queries = useQueryClient();
  const [editing, setEditing] = useState<Provider | "new" | null>(null);
  const [removing, setRemoving] = useState<Provider | null>(null);
  const options = api.queryOptions("get", "/api/v1/admin/sign-on-providers");
  const query = useQuery(options);
  const anew = () => void queries.invalidateQueries({ queryKey: options.queryKey });
  const remove = async () => {
    if (!removing) return;
    try {
      await client.DELETE("/api/v1/admin/sign-on-providers/{provider_id}", {
        params: { path: { provider_id: removing.id } },
      });
      toast(t("admin.signOn.gone", { name: removing.title }));
    } catch (error) {
      toast(saidBy(error), { tone: "bad" });
    }
    anew();
  };
  const add = (
    <Button kind="primary" onClick={() => setEditing("new")}>
      <Plus size={15} aria-hidden />
      {t("admin.signOn.new")}
    </Button>
  );
  return (
    <>
      <PageHead title={t("admin.page.signOn")} facts={t("admin.signOnText")} actions={add} />
      {query.error && !query.data ? <Failed error={query.error} retry={() => void query.refetch()} /> : null}
      {query.data?.items.length ? (
        <div className="space-y-4">
          {query.data.items.map((provider) => (
            <ProviderCard
              key={provider.id}
              provider={provider}
              onEdit={() => setEditing(provider)}
              onRemove={() => setRemoving(provider)}
            />
          ))}
        </div>
      ) : (
        <Card flush>
          {query.data ? (
            <Empty icon={Fingerprint} title={t("admin.signOn.none")}>
              {t("admin.signOn.noneText")}
            </Empty>
          ) : (
            <SkeletonRows rows={3} />
          )}
        </Card>
      )}
      {editing ? (
        <ProviderDialog
          provider={editing === "new" ? null : editing}
          onClose={() => setEditing(null)}
          onDone={() => {
            toast(t("settings.saved"));
            anew();
          }}
        />
      ) : null}
      <Confirm
        open={removing !== null}
        onClose={() => setRemoving(null)}
        title={t("admin.signOn.removeOf", { name: removing?.title ?? "" })}
        text={t("admin.signOn.removeText")}
        action={t("admin.remove")}
        onConfirm={remove}
      />
    </>
  );
}

type CardProps = { provider: Provider; onEdit: () => void; onRemove: () => void };

function ProviderCard({ provider, onEdit, onRemove }: CardProps) {
  const { t } = useTranslation();
  const [busy, setBusy] = useState(false);
  const [told, setTold] = useState<{ words: string; bad: boolean } | null>(null);
  const test = async () => {
    setBusy(true);
    try {
      const { data } = await client.POST("/api/v1/admin/sign-on-providers/{provider_id}/test", {
        params: { path: { provider_id: provider.id } },
      });
      if (data) setTold({ words: t("admin.signOn.tested", { issuer: data.issuer, keys: data.keys }), bad: false });
    } catch (error) {
      setTold({ words: saidBy(error), bad: true });
    } finally {
      setBusy(false);
    }
  };
  return (
    <Card
      title={
        <span className="flex items-center gap-2">
          {provider.title}
          <Badge>{t(`admin.signOn.admitShort.${provider.admits}`)}</Badge>
        </span>
      }
      actions={
        <>
          <Button busy={busy} onClick={() => void test()}>
            {t("admin.signOn.test")}
          </Button>
          <Button aria-label={t("admin.signOn.edit", { name: provider.title })} onClick={onEdit}>
            {t("admin.edit")}
          </Button>
          <Button kind="danger" aria-label={t("admin.signOn.removeOf", { name: provider.title })} onClick={onRemove}>
            {t("admin.remove")}
          </Button>
        </>
      }
    >
      <div aria-live="polite">
        {told ? (
          <Note tone={told.bad ? "bad" : "plain"} className="mb-3">
            {told.words}
          </Note>
        ) : null}
      </div>
      <p className="mono mb-3 text-sm break-all text-fg-2">{provider.discovery_url}</p>
      <div className="grid gap-3 lg:grid-cols-2">
        <div className="min-w-0">
          <p className="mb-1 text-sm font-medium">{t("admin.signOn.redirect")}</p>
          <Code label={t("admin.signOn.redirect")}>{provider.redirect_uri}</Code>
        </div>
        <div className="min-w-0">
          <p className="mb-1 text-sm font-medium">{t("admin.signOn.backChannel")}</p>
          <Code label={t("admin.signOn.backChannel")}>{provider.back_channel_logout_uri}</Code>
        </div>
      </div>
      <div className="mt-3 border-t border-line pt-1.5">
        <ProviderRules provider={provider} />
      </div>
    </Card>
  );
}
