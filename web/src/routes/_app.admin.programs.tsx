import { useQuery, useQueryClient } from "@tanstack/react-query";
import { createFileRoute } from "@tanstack/react-router";
import { AppWindow, Plus } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { type Api, api, client } from "@/api/client";
import { saidBy } from "@/api/problem";
import { ProgramDialog } from "@/features/admin/program-dialog";
import { ShownOnce } from "@/features/admin/shown-once";
import { ago } from "@/i18n/format";
import { Badge } from "@/ui/badge";
import { Button } from "@/ui/button";
import { Card } from "@/ui/card";
import { Confirm } from "@/ui/confirm";
import { Empty } from "@/ui/empty";
import { Failed } from "@/ui/failed";
import { PageHead } from "@/ui/page-head";
import { SkeletonRows } from "@/ui/skeleton";
import { toast } from "@/ui/toast";

export const Route = createFileRoute("/_app/admin/programs")({ component: Programs });

type Program = Api["OauthClient"];
type Asked = { program: Program; what: "secret" | "remove" };

function Programs() {
  const { t } = useTranslation();
  const queries = useQueryClient();
  const [editing, setEditing] = useState<Program | "new" | null>(null);
  const [asked, setAsked] = useState<Asked | null>(null);
  const [made, setMade] = useState<Api["OauthClientMade"] | null>(null);
  const options = api.queryOptions("get", "/api/v1/admin/oauth-clients");
  const query = useQuery(options);
  const anew = () => void queries.invalidateQueries({ queryKey: options.queryKey });
  const confirmed = async () => {
    if (!asked) return;
    const at = { params: { path: { client_id: asked.program.id } } };
    try {
      if (asked.what === "secret") {
        const { data } = await client.POST("/api/v1/admin/oauth-clients/{client_id}/secret", at);
        if (data) setMade(data);
      } else {
        await client.DELETE("/api/v1/admin/oauth-clients/{client_id}", at);
        toast(t("admin.programs.gone", { name: asked.program.title }));
      }
    } catch (error) {
      toast(saidBy(error), { tone: "bad" });
    }
    anew();
  };
  const name = asked?.program.title ?? "";
  return (
    <>
      <PageHead
        title={t("admin.page.programs")}
        facts={t("admin.programsText")}
        actions={
          <Button kind="primary" onClick={() => setEditing("new")}>
            <Plus size={15} aria-hidden />
            {t("admin.programs.new")}
          </Button>
        }
      />
      {query.error && !query.data ? <Failed error={query.error} retry={() => void query.refetch()} /> : null}
      <Card flush>
        {query.data ? (
          query.data.items.length ? (
            <ul className="divide-y divide-line">
              {query.data.items.map((program) => (
                <ProgramRow
                  key={program.id}
                  program={program}
                  onEdit={() => setEditing(program)}
                  onAsk={(what) => setAsked({ program, what })}
                />
              ))}
            </ul>
          ) : (
            <Empty icon={AppWindow} title={t("admin.programs.none")}>
              {t("admin.programs.noneText")}
            </Empty>
          )
        ) : (
          <SkeletonRows rows={2} />
        )}
      </Card>
      {editing ? (
        <ProgramDialog
          program={editing === "new" ? null : editing}
          onClose={() => setEditing(null)}
          onDone={(fresh) => {
            setMade(fresh);
            if (!fresh) toast(t("settings.saved"));
            anew();
          }}
        />
      ) : null}
      {made ? (
        <ShownOnce
          title={made.title}
          shown={[
            { label: t("admin.signOn.clientId"), text: made.id },
            { label: t("admin.signOn.secret"), text: made.client_secret },
          ]}
          onClose={() => setMade(null)}
        />
      ) : null}
      <Confirm
        open={asked !== null}
        onClose={() => setAsked(null)}
        title={t(asked?.what === "secret" ? "admin.programs.secretOf" : "admin.signOn.removeOf", { name })}
        text={t(asked?.what === "secret" ? "admin.programs.secretText" : "admin.programs.removeText")}
        action={t(asked?.what === "secret" ? "admin.programs.secret" : "admin.remove")}
        onConfirm={confirmed}
      />
    </>
  );
}

type RowProps = { program: Program; onEdit: () => void; onAsk: (what: Asked["what"]) => void };

function ProgramRow({ program, onEdit, onAsk }: RowProps) {
  const { t } = useTranslation();
  return (
    <li className="flex min-h-15 flex-wrap items-center gap-x-3 gap-y-2 px-4 py-2.5">
      <span className="min-w-0 flex-1 basis-60">
        <span className="flex items-center gap-2">
          <span className="truncate font-medium">{program.title}</span>
          {program.asks_consent ? null : <Badge>{t("admin.programs.own")}</Badge>}
        </span>
        <span className="mono block truncate text-fg-2">{program.id}</span>
        <span className="block truncate text-sm text-fg-3">
          {[program.redirect_uris[0], ago(program.created_at)].join(" · ")}
        </span>
      </span>
      <span className="flex flex-wrap items-center gap-2 max-sm:w-full">
        <Button aria-label={t("admin.signOn.edit", { name: program.title })} onClick={onEdit}>
          {t("admin.edit")}
        </Button>
        <Button aria-label={t("admin.programs.secretOf", { name: program.title })} onClick={() => onAsk("secret")}>
          {t("admin.programs.secret")}
        </Button>
        <Button
          kind="danger"
          aria-label={t("admin.signOn.removeOf", { name: program.title })}
          onClick={() => onAsk("remove")}
        >
          {t("admin.remove")}
        </Button>
      </span>
    </li>
  );
}
