import { useQuery, useQueryClient } from "@tanstack/react-query";
import { AppWindow } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { type Api, api, client } from "@/api/client";
import { saidBy } from "@/api/problem";
import { ago } from "@/i18n/format";
import { Button } from "@/ui/button";
import { Card } from "@/ui/card";
import { Confirm } from "@/ui/confirm";
import { toast } from "@/ui/toast";

export const programsQuery = api.queryOptions("get", "/api/v1/me/programs");
type Program = Api["KnownProgram"];

/** The programs that know somebody by this hub; nothing where there are none. */
export function Programs() {
  const { t } = useTranslation();
  const queries = useQueryClient();
  const [parting, setParting] = useState<Program | null>(null);
  const known = useQuery(programsQuery).data;
  if (!known?.items.length) return null;
  const part = async ({ id }: Program) => {
    queries.setQueryData(programsQuery.queryKey, { items: known.items.filter((one) => one.id !== id) });
    try {
      await client.DELETE("/api/v1/me/programs/{client_id}", { params: { path: { client_id: id } } });
    } catch (error) {
      queries.setQueryData(programsQuery.queryKey, known);
      toast(saidBy(error), { tone: "bad" });
    }
  };
  return (
    <Card flush title={t("program.title")}>
      <ul className="divide-y divide-line">
        {known.items.map((one) => (
          <li key={one.id} className="flex min-h-15 flex-wrap items-center gap-3 px-4 py-2.5">
            <AppWindow size={18} aria-hidden className="shrink-0 text-fg-3" />
            <span className="min-w-0 flex-1">
              <span className="block truncate font-medium">{one.title}</span>
              <span className="block truncate text-sm text-fg-3">
                {t("program.since", { when: ago(one.given_at) })}
              </span>
            </span>
            <Button aria-label={t("program.partOf", { program: one.title })} onClick={() => setParting(one)}>
              {t("program.part")}
            </Button>
          </li>
        ))}
      </ul>
      <Confirm
        open={parting !== null}
        onClose={() => setParting(null)}
        title={t("program.partOf", { program: parting?.title ?? "" })}
        text={t("program.partText")}
        action={t("program.part")}
        onConfirm={async () => {
          if (parting) await part(parting);
        }}
      />
    </Card>
  );
}
