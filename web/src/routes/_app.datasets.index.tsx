import { createFileRoute, Link } from "@tanstack/react-router";
import { Database, Upload } from "lucide-react";
import { lazy, Suspense } from "react";
import { useTranslation } from "react-i18next";
import { More } from "@/features/more";
import { usePages } from "@/features/pages";
import { StateBadge } from "@/features/state-badge";
import { ago } from "@/i18n/format";
import { withWords } from "@/i18n/parts";
import { useMe } from "@/shell/me";
import { Badge } from "@/ui/badge";
import { Button } from "@/ui/button";
import { Card } from "@/ui/card";
import { Empty } from "@/ui/empty";
import { Failed } from "@/ui/failed";
import { PageHead } from "@/ui/page-head";
import { SkeletonRows } from "@/ui/skeleton";

const UploadDialog = lazy(withWords(() => import("@/features/datasets/upload-dialog")));

export const Route = createFileRoute("/_app/datasets/")({
  validateSearch: (search: Record<string, unknown>): { upload?: true } => (search.upload ? { upload: true } : {}),
  component: Datasets,
});

function Datasets() {
  const { t } = useTranslation();
  const { upload } = Route.useSearch();
  const navigate = Route.useNavigate();
  const { query, items } = usePages("/api/v1/datasets");
  const open = () => void navigate({ search: { upload: true } });
  const mayBring = useMe().powers.includes("datasets:write");
  const bring = mayBring ? (
    <Button kind="primary" onClick={open}>
      <Upload size={15} aria-hidden />
      {t("dataset.upload")}
    </Button>
  ) : null;
  return (
    <>
      <PageHead title={t("nav.datasets")} facts={t("dataset.listText")} actions={bring} />
      {query.error && !items ? <Failed error={query.error} retry={() => void query.refetch()} /> : null}
      <Card flush>
        {items ? (
          items.length ? (
            <ul className="divide-y divide-line">
              {items.map((one) => (
                <li key={one.id}>
                  <Link
                    to="/datasets/$org/$name"
                    params={{ org: one.organisation, name: one.name }}
                    search={{}}
                    className="flex min-h-15 items-center gap-3 px-4 py-2.5 hover:bg-hover"
                  >
                    <span className="min-w-0 flex-1">
                      <span className="block truncate font-medium">
                        <span className="font-normal text-fg-3">{one.organisation}/</span>
                        {one.name}
                      </span>
                      <span className="block truncate text-sm text-fg-3">{one.description || ago(one.created_at)}</span>
                    </span>
                    {one.health.open_incidents ? (
                      <Badge tone="bad" className="max-sm:hidden">
                        {t("dataset.incidents", { count: one.health.open_incidents })}
                      </Badge>
                    ) : null}
                    {one.health.state ? <StateBadge state={one.health.state} /> : null}
                    <Badge tone={one.latest_version ? "accent" : "neutral"}>
                      {one.latest_version ? t("dataset.version", { number: one.latest_version }) : t("dataset.empty")}
                    </Badge>
                  </Link>
                </li>
              ))}
            </ul>
          ) : (
            <Empty icon={Database} title={t("dataset.none")} action={bring}>
              {t("dataset.noneText")}
            </Empty>
          )
        ) : (
          <SkeletonRows />
        )}
        <More query={query} />
      </Card>
      {upload && mayBring ? (
        <Suspense fallback={null}>
          <UploadDialog onClose={() => void navigate({ search: {} })} />
        </Suspense>
      ) : null}
    </>
  );
}
