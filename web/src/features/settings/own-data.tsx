import { useQuery } from "@tanstack/react-query";
import { Archive, Download } from "lucide-react";
import { useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { type Api, api, client, queryClient } from "@/api/client";
import { Problem, saidBy } from "@/api/problem";
import { hubPath } from "@/api/root";
import { bytes, moment } from "@/i18n/format";
import { useMe } from "@/shell/me";
import { Badge } from "@/ui/badge";
import { Button, buttonClass } from "@/ui/button";
import { Card } from "@/ui/card";
import { Empty } from "@/ui/empty";
import { Failed } from "@/ui/failed";
import { Note } from "@/ui/note";
import { Progress } from "@/ui/progress";
import { Skeleton, SkeletonRows } from "@/ui/skeleton";
import { toast } from "@/ui/toast";
import { LeaveDialog } from "./leave-dialog";

const EXPORTS = api.queryOptions("get", "/api/v1/me/exports");
const LOOK_MS = 1500;

/** To take one's data along, and to leave. */
export default function OwnData() {
  return (
    <div className="max-w-3xl space-y-4">
      <Archives />
      <Leaving />
    </div>
  );
}

function Archives() {
  const { t } = useTranslation();
  const [busy, setBusy] = useState(false);
  const query = useQuery({
    ...EXPORTS,
    refetchInterval: (of) => (of.state.data?.items.some((one) => one.state === "queued") ? LOOK_MS : false),
  });
  const items = query.data?.items;
  const isMaking = items?.some((one) => one.state === "queued") ?? false;
  const was = useRef(false);
  useEffect(() => {
    if (was.current && !isMaking && items?.[0]?.state === "ready") toast(t("ownData.ready"));
    was.current = isMaking;
  }, [isMaking, items, t]);
  const make = async () => {
    setBusy(true);
    try {
      const { data } = await client.POST("/api/v1/me/export");
      if (data)
        queryClient.setQueryData(EXPORTS.queryKey, (old: Api["PersonalExportPage"] | undefined) => ({
          items: [data, ...(old?.items ?? []).filter((one) => one.id !== data.id)],
          next: old?.next ?? null,
        }));
    } catch (error) {
      toast(saidBy(error), { tone: "bad" });
    } finally {
      setBusy(false);
    }
  };
  if (query.error && !items) return <Failed error={query.error} retry={() => void query.refetch()} />;
  const button = (
    <Button kind="primary" busy={busy || isMaking} onClick={() => void make()}>
      {t("ownData.make")}
    </Button>
  );
  return (
    <Card flush title={t("ownData.archive")} actions={button}>
      <p className="border-b border-line px-4 py-3 text-fg-2">{t("ownData.archiveText")}</p>
      {items ? (
        items.length ? (
          <ul className="divide-y divide-line">
            {items.map((one) => (
              <ArchiveRow key={one.id} archive={one} />
            ))}
          </ul>
        ) : (
          <Empty icon={Archive} title={t("ownData.archiveNone")} />
        )
      ) : (
        <SkeletonRows rows={3} />
      )}
    </Card>
  );
}

function ArchiveRow({ archive }: { archive: Api["PersonalExport"] }) {
  const { t } = useTranslation();
  const when = moment(archive.asked_at);
  const facts = [
    archive.byte_count === null ? "" : bytes(archive.byte_count),
    archive.state === "ready" && archive.expires_at
      ? t("ownData.archiveReady", { when: moment(archive.expires_at) })
      : "",
    archive.state === "queued" ? t("ownData.making") : "",
  ];
  return (
    <li className="flex min-h-15 flex-wrap items-center gap-3 px-4 py-2.5">
      <span className="min-w-0 flex-1">
        <span className="block font-medium">{t("ownData.archiveOf", { when })}</span>
        <span className="block text-sm text-fg-3">{facts.filter(Boolean).join(" · ") || "\u00a0"}</span>
      </span>
      {archive.state === "queued" ? (
        <span className="w-24">
          <Progress label={t("ownData.archiveOf", { when })} fraction={null} />
        </span>
      ) : archive.state === "ready" ? (
        <a
          href={hubPath(`api/v1/me/exports/${archive.id}/content`)}
          download
          aria-label={t("ownData.downloadOf", { when })}
          className={buttonClass()}
        >
          <Download size={15} aria-hidden />
          {t("ownData.download")}
        </a>
      ) : archive.state === "expired" ? (
        <Badge>{t("ownData.archiveExpired")}</Badge>
      ) : (
        <Badge tone="bad">{t("ownData.archiveFailed")}</Badge>
      )}
    </li>
  );
}

const DELETION_KEY = ["me", "deletion"];

function Leaving() {
  const { t } = useTranslation();
  const me = useMe();
  const [asking, setAsking] = useState(false);
  const query = useQuery({
    queryKey: DELETION_KEY,
    queryFn: async (): Promise<Api["Deletion"] | null> => {
      try {
        const { data } = await client.GET("/api/v1/me/deletion");
        return data ?? null;
      } catch (error) {
        if (error instanceof Problem && error.status === 404) return null;
        throw error;
      }
    },
  });
  const stay = async () => {
    const before = query.data;
    queryClient.setQueryData(DELETION_KEY, null);
    try {
      await client.DELETE("/api/v1/me/deletion");
      toast(t("ownData.stayed"));
    } catch (error) {
      queryClient.setQueryData(DELETION_KEY, before);
      toast(saidBy(error), { tone: "bad" });
    }
  };
  if (query.error && query.data === undefined) return <Failed error={query.error} retry={() => void query.refetch()} />;
  return (
    <Card title={t("ownData.leave")}>
      {query.data === undefined ? (
        <Skeleton className="h-44 w-full" />
      ) : query.data ? (
        <div role="status" className="space-y-3">
          <Note tone="warn">
            <p className="font-medium">{t("ownData.asked", { when: moment(query.data.due_at) })}</p>
            <p>{t("ownData.askedText")}</p>
            {query.data.organisations.length ? (
              <p>{t("ownData.askedWith", { names: query.data.organisations.join(", ") })}</p>
            ) : null}
          </Note>
          <Button kind="primary" onClick={() => void stay()}>
            {t("ownData.stay")}
          </Button>
        </div>
      ) : (
        <div className="space-y-3">
          <p className="text-fg-2">{t("ownData.deleteText")}</p>
          <ul className="list-disc space-y-1 pl-5 text-fg-2">
            <li>{t("ownData.leaveAlone")}</li>
            <li>{t("ownData.leaveOwner")}</li>
            <li>{t("ownData.leaveOthers")}</li>
          </ul>
          <Button kind="danger" onClick={() => setAsking(true)}>
            {t("ownData.deleteAction")}
          </Button>
        </div>
      )}
      {asking ? (
        <LeaveDialog
          word={me.email ?? me.display_name}
          owned={me.organisations.filter((one) => one.role === "owner").map((one) => one.name)}
          onClose={() => setAsking(false)}
          onAsked={(deletion) => queryClient.setQueryData(DELETION_KEY, deletion)}
        />
      ) : null}
    </Card>
  );
}
