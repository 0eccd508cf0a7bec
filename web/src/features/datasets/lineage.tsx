import { List, Waypoints } from "lucide-react";
import { useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import { type Api, client } from "@/api/client";
import { useCursor } from "@/features/cursor";
import { More } from "@/features/more";
import { Button } from "@/ui/button";
import { Card } from "@/ui/card";
import { Failed } from "@/ui/failed";
import { Note } from "@/ui/note";
import { SkeletonRows } from "@/ui/skeleton";
import { joined } from "./lineage-layout";
import { LineageList, Things } from "./lineage-list";
import { LineagePicture } from "./lineage-picture";

type Part = Api["Lineage"];
const WIDE = "(min-width: 640px)";

/** Where each version came from, and what was made of it, as a picture and as a list. */
export default function Lineage({ org, name }: { org: string; name: string }) {
  const { t } = useTranslation();
  // a picture takes width; on a phone one begins with the list
  const [drawn, setDrawn] = useState(() => matchMedia(WIDE).matches);
  const { query, items } = useCursor<Part>(["lineage", org, name], async (asked, signal) => {
    const { data } = await client.GET("/api/v1/datasets/{org}/{name}/lineage", {
      params: { path: { org, name }, query: asked },
      signal,
    });
    return { data: data && { items: [data], next: data.next } };
  });
  const { nodes, edges } = useMemo(() => joined(items ?? []), [items]);
  if (query.error && !items) return <Failed error={query.error} retry={() => void query.refetch()} />;
  if (!items) return <SkeletonRows className="h-14" rows={4} />;
  const address = `${org}/${name}`;
  const fills = edges.flatMap((edge) => {
    const model = edge.target === `prediction_log:${address}` && nodes.find((node) => node.id === edge.source);
    return model ? [{ node: model, kind: edge.kind }] : [];
  });
  return (
    <div className="space-y-4">
      {fills.length ? (
        <Note>
          <p>{t("lineage.filled")}</p>
          <Things joined={fills} />
        </Note>
      ) : null}
      <Card
        flush
        title={t("dataset.tab.lineage")}
        actions={
          <>
            <Button kind={drawn ? "plain" : "ghost"} aria-pressed={drawn} onClick={() => setDrawn(true)}>
              <Waypoints size={15} aria-hidden />
              {t("lineage.asPicture")}
            </Button>
            <Button kind={drawn ? "ghost" : "plain"} aria-pressed={!drawn} onClick={() => setDrawn(false)}>
              <List size={15} aria-hidden />
              {t("lineage.asList")}
            </Button>
          </>
        }
      >
        {drawn ? (
          <LineagePicture address={address} nodes={nodes} edges={edges} />
        ) : (
          <LineageList nodes={nodes} edges={edges} />
        )}
        <More query={query} />
      </Card>
    </div>
  );
}
