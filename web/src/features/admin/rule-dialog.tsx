import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { type Api, api } from "@/api/client";
import { saidBy } from "@/api/problem";
import { FormDialog } from "@/features/form-dialog";
import { ROLES, roleOf, useRoleOptions } from "@/features/organisation/roles";
import { TextField } from "@/ui/field";
import { SelectField } from "@/ui/select";

const OFFERED_MAX = 200;

export type GivenRule = Pick<Api["SignOnRule"], "group" | "organisation" | "role" | "into_group_id">;
type Props = { onClose: () => void; onAdd: (rule: GivenRule) => Promise<void> };

/** What a group of a provider is to give: a role in an organisation, and a place in one of its groups. */
export function RuleDialog({ onClose, onAdd }: Props) {
  const { t } = useTranslation();
  const roles = useRoleOptions(ROLES);
  const [named, setNamed] = useState<string | null>(null);
  const query = { limit: OFFERED_MAX };
  const organisations = useQuery(api.queryOptions("get", "/api/v1/admin/organisations", { params: { query } }));
  const organisation = named ?? organisations.data?.items[0]?.name ?? "";
  const groups = useQuery({
    ...api.queryOptions("get", "/api/v1/admin/organisations/{org}/groups", {
      params: { path: { org: organisation }, query },
    }),
    enabled: organisation !== "",
  });
  const none = groups.data?.items.length === 0;
  return (
    <FormDialog
      title={t("admin.signOn.newRule")}
      description={t("admin.signOn.ruleText")}
      action={t("action.save")}
      onClose={onClose}
      onSubmit={async (given) => {
        await onAdd({
          group: String(given.get("group")).trim(),
          organisation,
          role: roleOf(String(given.get("role"))),
          into_group_id: String(given.get("into_group_id") ?? "") || null,
        });
        onClose();
      }}
    >
      {(problems) => (
        <>
          <TextField
            label={t("admin.signOn.group")}
            hint={t("admin.signOn.groupHint")}
            name="group"
            required
            maxLength={256}
            problem={problems.group}
          />
          <SelectField
            label={t("admin.organisation")}
            name="organisation"
            value={organisation}
            onChange={(event) => setNamed(event.target.value)}
            options={organisations.data?.items.map((one) => ({ value: one.name, label: one.title || one.name })) ?? []}
          />
          <SelectField
            key={organisation}
            label={t("admin.signOn.into")}
            hint={t(none ? "admin.signOn.intoNone" : "admin.signOn.intoHint")}
            name="into_group_id"
            disabled={!groups.data || none}
            problem={groups.error ? saidBy(groups.error) : problems.into_group_id}
            options={[
              { value: "", label: t("admin.signOn.noGroup") },
              ...(groups.data?.items.map((one) => ({ value: one.id, label: one.name })) ?? []),
            ]}
          />
          <SelectField label={t("admin.signOn.role")} name="role" defaultValue="viewer" options={roles} />
        </>
      )}
    </FormDialog>
  );
}
