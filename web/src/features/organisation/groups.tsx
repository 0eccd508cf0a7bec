import { ChevronRight, Plus, UsersRound } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { type Api, client, queryClient } from "@/api/client";
import { useCursor } from "@/features/cursor";
import { More } from "@/features/more";
import { AccountForm } from "@/shell/account-form";
import { useMe } from "@/shell/me";
import { Button } from "@/ui/button";
import { Card } from "@/ui/card";
import { Dialog } from "@/ui/dialog";
import { Empty } from "@/ui/empty";
import { Failed } from "@/ui/failed";
import { ListRow } from "@/ui/list-row";
import { SkeletonRows } from "@/ui/skeleton";
import { GroupDialog } from "./group-dialog";
import { groupsKey } from "./keys";

export type Group = Api["Group"];

/** Members who are granted things together. */
export default function Groups({ org }: { org: string }) {
  const { t } = useTranslation();
  const manages = useMe().powers.includes("members:manage");
  const [making, setMaking] = useState(false);
  const [openId, setOpenId] = useState<string | null>(null);
  const key = groupsKey(org);
  const { query, items } = useCursor<Group>(key, (asked, signal) =>
    client.GET("/api/v1/organisations/{org}/groups", { params: { path: { org }, query: asked }, signal }),
  );
  const anew = () => queryClient.invalidateQueries({ queryKey: key });
  const open = items?.find((group) => group.id === openId);
  const make = manages ? (
    <Button kind="primary" onClick={() => setMaking(true)}>
      <Plus size={15} aria-hidden />
      {t("organisation.newGroup")}
    </Button>
  ) : null;
  return (
    <>
      {query.error && !items ? <Failed error={query.error} retry={() => void query.refetch()} /> : null}
      <Card flush title={t("organisation.tab.groups")} actions={make}>
        {items ? (
          items.length ? (
            <ul aria-label={t("organisation.tab.groups")} className="divide-y divide-line">
              {items.map((group) => (
                <li key={group.id}>
                  <ListRow onOpen={() => setOpenId(group.id)}>
                    <UsersRound size={18} aria-hidden className="shrink-0 text-fg-3" />
                    <span className="min-w-0 flex-1">
                      <span className="block truncate font-medium">{group.name}</span>
                      <span className="block text-sm text-fg-3">
                        {t("organisation.groupMembers", { count: group.member_count })}
                      </span>
                    </span>
                    <ChevronRight size={16} aria-hidden className="text-fg-3" />
                  </ListRow>
                </li>
              ))}
            </ul>
          ) : (
            <Empty icon={UsersRound} title={t("organisation.noGroups")} action={make}>
              {t("organisation.noGroupsText")}
            </Empty>
          )
        ) : (
          <SkeletonRows className="h-15" />
        )}
        <More query={query} />
      </Card>
      {making ? (
        <Dialog open onClose={() => setMaking(false)} title={t("organisation.newGroup")}>
          <AccountForm
            wide={false}
            action={t("organisation.makeGroup")}
            fields={[{ name: "name", label: t("field.groupName"), autoComplete: "off" }]}
            onSubmit={async ({ name = "" }) => {
              const { data } = await client.POST("/api/v1/organisations/{org}/groups", {
                params: { path: { org } },
                body: { name },
              });
              await anew();
              setMaking(false);
              setOpenId(data?.id ?? null);
            }}
          />
        </Dialog>
      ) : null}
      {open ? (
        <GroupDialog
          org={org}
          group={open}
          onClose={() => {
            setOpenId(null);
            void anew();
          }}
        />
      ) : null}
    </>
  );
}
