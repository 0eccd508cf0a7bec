import { useQuery, useQueryClient } from "@tanstack/react-query";
import { X } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { type Api, api, client } from "@/api/client";
import { saidBy } from "@/api/problem";
import { Button } from "@/ui/button";
import { Failed } from "@/ui/failed";
import { SkeletonRows } from "@/ui/skeleton";
import { toast } from "@/ui/toast";
import { type GivenRule, RuleDialog } from "./rule-dialog";

type Rule = Api["SignOnRule"];

/** What the groups of a provider give. */
export function ProviderRules({ provider }: { provider: Api["SignOnProvider"] }) {
  const { t } = useTranslation();
  const queries = useQueryClient();
  const [adding, setAdding] = useState(false);
  const path = { provider_id: provider.id };
  const options = api.queryOptions("get", "/api/v1/admin/sign-on-providers/{provider_id}/rules", { params: { path } });
  const query = useQuery(options);
  const remove = async (rule: Rule) => {
    const before = queries.getQueryData<Api["SignOnRules"]>(options.queryKey);
    queries.setQueryData(options.queryKey, { items: before?.items.filter((one) => one.id !== rule.id) ?? [] });
    try {
      await client.DELETE("/api/v1/admin/sign-on-providers/{provider_id}/rules/{rule_id}", {
        params: { path: { ...path, rule_id: rule.id } },
      });
      toast(t("admin.signOn.ruleGone"), { undo: () => void add(rule) });
    } catch (error) {
      queries.setQueryData(options.queryKey, before);
      toast(saidBy(error), { tone: "bad" });
    }
  };
  const add = async ({ group, organisation, role, into_group_id }: GivenRule) => {
    await client.POST("/api/v1/admin/sign-on-providers/{provider_id}/rules", {
      params: { path },
      body: { group, organisation, role, into_group_id, kind: "organisation" },
    });
    await queries.invalidateQueries({ queryKey: options.queryKey });
  };
  if (query.error) return <Failed error={query.error} retry={() => void query.refetch()} />;
  return (
    <>
      <div className="flex items-center justify-between gap-2 py-1.5">
        <h3 className="text-sm font-medium text-fg-2">{t("admin.signOn.rules")}</h3>
        <Button onClick={() => setAdding(true)}>{t("admin.signOn.newRule")}</Button>
      </div>
      {query.data ? (
        query.data.items.length ? (
          <ul className="divide-y divide-line">
            {query.data.items.map((rule) => (
              <li key={rule.id} className="flex min-h-10 items-center gap-2 py-1">
                <span className="min-w-0 flex-1 text-sm break-words">
                  {t(rule.into_group ? "admin.signOn.ruleInto" : "admin.signOn.rule", {
                    group: rule.group,
                    organisation: rule.organisation,
                    role: t(`role.${rule.role}`),
                    into: rule.into_group,
                  })}
                </span>
                <Button
                  kind="ghost"
                  size="icon"
                  aria-label={t("admin.signOn.dropRule", { group: rule.group })}
                  onClick={() => void remove(rule)}
                >
                  <X size={15} aria-hidden />
                </Button>
              </li>
            ))}
          </ul>
        ) : (
          <p className="py-2 text-sm text-fg-3">{t("admin.signOn.noRules")}</p>
        )
      ) : (
        <SkeletonRows rows={1} className="h-10" />
      )}
      {adding ? <RuleDialog onClose={() => setAdding(false)} onAdd={add} /> : null}
    </>
  );
}
