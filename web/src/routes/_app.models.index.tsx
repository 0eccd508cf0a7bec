import { createFileRoute, Link } from "@tanstack/react-router";
import { Boxes } from "lucide-react";
import { useTranslation } from "react-i18next";
import { More } from "@/features/more";
import { usePages } from "@/features/pages";
import { ago } from "@/i18n/format";
import { Badge } from "@/ui/badge";
import { buttonClass } from "@/ui/button";
import { Card } from "@/ui/card";
import { Empty } from "@/ui/empty";
import { Failed } from "@/ui/failed";
import { PageHead } from "@/ui/page-head";
import { SkeletonRows } from "@/ui/skeleton";

export const Route = createFileRoute("/_app/models/")({ component: Models });

function Models() {
  const { t } = useTranslation();
  const { query, items } = usePages("/api/v1/models");
  return (
    <>
      <PageHead title={t("nav.models")} facts={t("model.listText")} />
      {query.error && !items ? <Failed error={query.error} retry={() => void query.refetch()} /> : null}
      <Card flush>
        {items ? (
          items.length ? (
            <ul className="divide-y divide-line">
              {items.map((one) => (
                <li key={one.id}>
                  <Link
                    to="/models/$org/$name"
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
                    {Object.entries(one.aliases)
                      .slice(0, 2)
                      .map(([alias, number]) => (
                        <Badge key={alias} tone="ok">{`${alias} → ${number}`}</Badge>
                      ))}
                  </Link>
                </li>
              ))}
            </ul>
          ) : (
            <Empty
              icon={Boxes}
              title={t("model.none")}
              action={
                <Link to="/runs" search={{}} className={buttonClass({ kind: "primary" })}>
                  {t("model.toRuns")}
                </Link>
              }
            >
              {t("model.noneText")}
            </Empty>
          )
        ) : (
          <SkeletonRows />
        )}
        <More query={query} />
      </Card>
    </>
  );
}
