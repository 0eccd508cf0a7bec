import { Share2 } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { type Api, client, queryClient } from "@/api/client";
import { useCursor } from "@/features/cursor";
import { More } from "@/features/more";
import { ObjectLink } from "@/features/sharing/object-link";
import { moment } from "@/i18n/format";
import { Badge } from "@/ui/badge";
import { Button } from "@/ui/button";
import { Confirm } from "@/ui/confirm";
import { Empty } from "@/ui/empty";
import { Failed } from "@/ui/failed";
import { SkeletonRows } from "@/ui/skeleton";
import { sharedKey } from "./keys";

type Shared = Api["GrantToMe"];

/** What others share with whoever looks; one's own can be given back. */
export function SharedWithMe() {
  const { t } = useTranslation();
  const [leaving, setLeaving] = useState<Shared | null>(null);
  const key = sharedKey();
  const { query, items } = useCursor<Shared>(key, (asked, signal) =>
    client.GET("/api/v1/grants-to-me", { params: { query: asked }, signal }),
  );
  if (query.error && !items) return <Failed error={query.error} retry={() => void query.refetch()} />;
  if (!items) return <SkeletonRows className="h-15" rows={3} />;
  if (!items.length) {
    return (
      <Empty icon={Share2} title={t("organisation.nothingShared")}>
        {t("organisation.nothingSharedText")}
      </Empty>
    );
  }
  return (
    <>
      <ul aria-label={t("organisation.view.shared")} className="divide-y divide-line">
        {items.map((one) => (
          <li key={one.id} className="flex min-h-15 flex-wrap items-center gap-3 px-4 py-2.5">
            <span className="min-w-0 flex-1">
              <span className="flex flex-wrap items-center gap-x-2 gap-y-1">
                {one.address ? (
                  <ObjectLink kind={one.kind} address={one.address} title={one.title} />
                ) : (
                  <span className="text-fg-3">{t("organisation.archived", { organisation: one.organisation })}</span>
                )}
                <Badge>{t(`role.${one.role}`)}</Badge>
              </span>
              <span className="block text-sm text-fg-3">
                {[
                  one.group ? t("organisation.byGroup", { group: one.group }) : "",
                  one.ends_at ? t("sharing.until", { when: moment(one.ends_at) }) : t("sharing.forGood"),
                ]
                  .filter(Boolean)
                  .join(" · ")}
              </span>
            </span>
            {one.group ? null : <Button onClick={() => setLeaving(one)}>{t("organisation.giveBack")}</Button>}
          </li>
        ))}
      </ul>
      <More query={query} />
      <Confirm
        open={leaving !== null}
        onClose={() => setLeaving(null)}
        title={t("organisation.giveBackOf", { address: leaving?.address ?? "" })}
        text={t("organisation.giveBackText")}
        action={t("organisation.giveBack")}
        onConfirm={async () => {
          if (leaving) await client.DELETE("/api/v1/grants/{grant_id}", { params: { path: { grant_id: leaving.id } } });
          await queryClient.invalidateQueries({ queryKey: key });
        }}
      />
    </>
  );
}
