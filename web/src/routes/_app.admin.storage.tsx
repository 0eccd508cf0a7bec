import { useQuery, useQueryClient } from "@tanstack/react-query";
import { createFileRoute } from "@tanstack/react-router";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { type Api, api } from "@/api/client";
import { useHubPages } from "@/features/admin/hub-pages";
import { LastWork } from "@/features/admin/last-work";
import { QuotaDialog } from "@/features/admin/quota-dialog";
import { More } from "@/features/more";
import { bytes, count, moment } from "@/i18n/format";
import { Badge } from "@/ui/badge";
import { Button } from "@/ui/button";
import { Card } from "@/ui/card";
import { Failed } from "@/ui/failed";
import { PageHead } from "@/ui/page-head";
import { Progress } from "@/ui/progress";
import { Skeleton, SkeletonRows } from "@/ui/skeleton";
import { Stat } from "@/ui/stat";
import { Cell, HeadCell, Table } from "@/ui/table";

export const Route = createFileRoute("/_app/admin/storage")({ component: Storage });

const PATH = "/api/v1/hub/storage";

function Storage() {
  const { t } = useTranslation();
  const queries = useQueryClient();
  const [chosen, setChosen] = useState<Api["OrganisationStorage"] | null>(null);
  const hub = useQuery(api.queryOptions("get", PATH, { params: { query: { limit: 1 } } }));
  const { query, items } = useHubPages(PATH);
  const disk = hub.data?.disk;
  const damaged = hub.data?.damaged;
  const blank = <Skeleton className="my-1 h-5 w-16" />;
  return (
    <>
      <PageHead title={t("admin.page.storage")} facts={t("admin.storageText")} />
      {query.error && !items ? <Failed error={query.error} retry={() => void query.refetch()} /> : null}
      <dl className="mb-4 grid grid-cols-1 gap-3 sm:grid-cols-3">
        <Stat
          label={t("admin.storage.free")}
          value={disk ? bytes(disk.free_bytes) : blank}
          note={disk && t("admin.storage.of", { total: bytes(disk.total_bytes) })}
        />
        <Stat
          label={t("admin.storage.reserve")}
          value={disk ? bytes(disk.free_bytes_min) : blank}
          note={t("admin.storage.reserveText")}
        />
        <Stat
          label={t("admin.storage.damaged")}
          value={damaged ? count(damaged.length) : blank}
          note={t("admin.storage.damagedText")}
        />
      </dl>
      {damaged?.length ? <Damaged files={damaged} /> : null}
      <div className="grid grid-cols-1 items-start gap-4 lg:grid-cols-[minmax(0,2fr)_minmax(0,1fr)]">
        <Card flush title={t("admin.storage.byOrganisation")}>
          {items ? (
            <Table label={t("admin.storage.byOrganisation")}>
              <thead>
                <tr>
                  <HeadCell className="pl-4">{t("admin.organisation")}</HeadCell>
                  <HeadCell right>{t("admin.storage.tables")}</HeadCell>
                  <HeadCell right>{t("admin.storage.models")}</HeadCell>
                  <HeadCell right>{t("admin.storage.uploads")}</HeadCell>
                  <HeadCell>{t("admin.storage.quota")}</HeadCell>
                  <HeadCell className="pr-4">
                    <span className="sr-only">{t("admin.storage.change")}</span>
                  </HeadCell>
                </tr>
              </thead>
              <tbody>
                {items.map((one) => (
                  <Row key={one.id} one={one} onChange={() => setChosen(one)} />
                ))}
              </tbody>
            </Table>
          ) : (
            <SkeletonRows />
          )}
          <More query={query} />
        </Card>
        {/* on a phone it stands below the list, whose length is known once it is there */}
        {items || query.error ? <LastWork /> : null}
      </div>
      {chosen ? (
        <QuotaDialog
          organisation={chosen}
          onClose={() => setChosen(null)}
          onDone={() => void queries.invalidateQueries({ queryKey: ["get", PATH] })}
        />
      ) : null}
    </>
  );
}

function Row({ one, onChange }: { one: Api["OrganisationStorage"]; onChange: () => void }) {
  const { t } = useTranslation();
  const { storage } = one;
  const used = bytes(storage.byte_count);
  return (
    <tr>
      <Cell className="pl-4 font-medium">{one.organisation}</Cell>
      <Cell right>{bytes(storage.tables.byte_count)}</Cell>
      <Cell right>{bytes(storage.models.byte_count)}</Cell>
      <Cell right>{bytes(storage.uploads.byte_count)}</Cell>
      <Cell className="min-w-36">
        <span className="block text-xs whitespace-nowrap text-fg-2">
          {storage.bytes_max === null
            ? t("admin.storage.unlimited", { used })
            : t("admin.storage.usedOf", { used, most: bytes(storage.bytes_max) })}
        </span>
        {storage.bytes_max === null ? null : (
          <span className="mt-1 block">
            <Progress
              label={t("admin.storage.usedBy", { name: one.organisation })}
              fraction={Math.min(1, storage.byte_count / Math.max(1, storage.bytes_max))}
            />
          </span>
        )}
      </Cell>
      <Cell right className="pr-4">
        <Button aria-label={t("admin.storage.quotaOf", { name: one.organisation })} onClick={onChange}>
          {t("admin.storage.change")}
        </Button>
      </Cell>
    </tr>
  );
}

function Damaged({ files }: { files: Api["DamagedFile"][] }) {
  const { t } = useTranslation();
  return (
    <Card flush className="mb-4" title={t("admin.storage.damaged")}>
      <ul className="divide-y divide-line">
        {files.map((file) => (
          <li key={file.key} className="flex flex-wrap items-center gap-2 px-4 py-2.5">
            <Badge tone="bad">
              {t(file.problem === "missing" ? "admin.storage.missing" : "admin.storage.changed")}
            </Badge>
            <span className="mono min-w-0 flex-1 break-all">{file.key}</span>
            <span className="text-sm text-fg-3">{`${file.organisation} · ${moment(file.found_at)}`}</span>
          </li>
        ))}
      </ul>
    </Card>
  );
}
