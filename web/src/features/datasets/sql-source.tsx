import { useQuery } from "@tanstack/react-query";
import { Database } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { client } from "@/api/client";
import { Problem, saidBy } from "@/api/problem";
import { FormDialog } from "@/features/form-dialog";
import { moment } from "@/i18n/format";
import { Button } from "@/ui/button";
import { Card } from "@/ui/card";
import { Confirm } from "@/ui/confirm";
import { Empty } from "@/ui/empty";
import { Failed } from "@/ui/failed";
import { TextArea, TextField } from "@/ui/field";
import { SkeletonRows } from "@/ui/skeleton";
import { toast } from "@/ui/toast";

type Path = { org: string; name: string };
const SOURCE = "/api/v1/datasets/{org}/{name}/sql-source";

/** The database that a dataset is read from; its password is never shown. */
export function SqlSource({ org, name, onPending }: Path & { onPending: (version: string) => void }) {
  const { t } = useTranslation();
  const params = { path: { org, name } };
  const [open, setOpen] = useState<"set" | "forget" | null>(null);
  const [busy, setBusy] = useState(false);
  const query = useQuery({
    queryKey: ["sql source", org, name],
    queryFn: async ({ signal }) => {
      try {
        return (await client.GET(SOURCE, { params, signal })).data ?? null;
      } catch (error) {
        if (error instanceof Problem && error.status === 404) return null;
        throw error;
      }
    },
  });
  const source = query.data;
  if (query.error && source === undefined) return <Failed error={query.error} retry={() => void query.refetch()} />;
  const importNow = async () => {
    setBusy(true);
    try {
      const { data } = await client.POST("/api/v1/datasets/{org}/{name}/sql-imports", { params, body: {} });
      if (data) onPending(data.id);
    } catch (error) {
      toast(saidBy(error), { tone: "bad" });
    } finally {
      setBusy(false);
    }
  };
  return (
    <Card
      flush
      title={t("sqlSource.title")}
      actions={
        source ? (
          <>
            <Button onClick={() => setOpen("set")}>{t("sqlSource.change")}</Button>
            <Button kind="danger" onClick={() => setOpen("forget")}>
              {t("sqlSource.forget")}
            </Button>
            <Button kind="primary" busy={busy} onClick={() => void importNow()}>
              {t("sqlSource.now")}
            </Button>
          </>
        ) : null
      }
    >
      {source ? (
        <div className="space-y-1 p-4">
          <p className="font-medium break-words">{source.address}</p>
          <p className="mono text-sm break-words text-fg-2">{source.table ?? source.query}</p>
          {source.next_at ? (
            <p className="text-sm text-fg-2">{t("sqlSource.next", { when: moment(source.next_at) })}</p>
          ) : null}
        </div>
      ) : source === null ? (
        <Empty
          icon={Database}
          title={t("sqlSource.none")}
          action={<Button onClick={() => setOpen("set")}>{t("sqlSource.set")}</Button>}
        >
          {t("sqlSource.noneText")}
        </Empty>
      ) : (
        <SkeletonRows />
      )}
      {open === "set" ? (
        <FormDialog
          title={t("sqlSource.set")}
          description={t("sqlSource.setText")}
          action={t("action.save")}
          onClose={() => setOpen(null)}
          onSubmit={async (given) => {
            const text = (field: string) => String(given.get(field) ?? "").trim();
            await client.PUT(SOURCE, {
              params,
              body: {
                url: text("url"),
                table: text("table") || null,
                query: text("query") || null,
                cron: text("cron") || null,
                zone: text("zone") || "UTC",
              },
            });
            await query.refetch();
            setOpen(null);
          }}
        >
          {(problems) => (
            <>
              <TextField
                name="url"
                type="password"
                label={t("sqlSource.url")}
                hint="postgresql://user:password@host:5432/database"
                required
                maxLength={2000}
                autoComplete="off"
                problem={problems.url}
              />
              <TextField
                name="table"
                label={t("sqlSource.table")}
                hint={t("sqlSource.tableHint")}
                defaultValue={source?.table ?? ""}
                maxLength={200}
                problem={problems.table}
              />
              <TextArea
                name="query"
                label={t("sqlSource.query")}
                hint={t("sqlSource.queryHint")}
                className="mono text-sm"
                defaultValue={source?.query ?? ""}
                problem={problems.query}
              />
              <div className="grid gap-4 sm:grid-cols-2">
                <TextField
                  name="cron"
                  label={t("sqlSource.cron")}
                  hint={t("sqlSource.cronHint")}
                  defaultValue={source?.cron ?? ""}
                  problem={problems.cron}
                />
                <TextField
                  name="zone"
                  label={t("sqlSource.zone")}
                  defaultValue={source?.zone ?? Intl.DateTimeFormat().resolvedOptions().timeZone}
                  problem={problems.zone}
                />
              </div>
            </>
          )}
        </FormDialog>
      ) : null}
      <Confirm
        open={open === "forget"}
        onClose={() => setOpen(null)}
        title={t("sqlSource.forgetTitle")}
        text={t("sqlSource.forgetText")}
        action={t("sqlSource.forget")}
        onConfirm={async () => {
          await client.DELETE(SOURCE, { params });
          await query.refetch();
        }}
      />
    </Card>
  );
}
