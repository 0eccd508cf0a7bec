import { useState } from "react";
import { useTranslation } from "react-i18next";
import { type Api, client } from "@/api/client";
import { FormDialog } from "@/features/form-dialog";
import { Checkbox } from "@/ui/checkbox";
import { TextArea, TextField } from "@/ui/field";
import { SelectField } from "@/ui/select";

type Provider = Api["SignOnProvider"];
type Props = { provider: Provider | null; onClose: () => void; onDone: (provider: Provider) => void };
const ADMITS = ["everyone", "mapped", "known"] as const;

export const wordsOf = (given: FormData, name: string) =>
  String(given.get(name) ?? "")
    .split(/[\s,]+/)
    .filter(Boolean);
const text = (given: FormData, name: string) => String(given.get(name) ?? "").trim();

function settingsOf(given: FormData): Api["ProviderChange"] {
  const minutes = text(given, "refresh_minutes");
  return {
    title: text(given, "title"),
    discovery_url: text(given, "discovery_url"),
    client_id: text(given, "client_id"),
    client_secret: text(given, "client_secret") || null,
    scopes: wordsOf(given, "scopes"),
    groups_claim: text(given, "groups_claim"),
    email_claim: text(given, "email_claim"),
    name_claim: text(given, "name_claim"),
    admits: ADMITS.find((one) => one === given.get("admits")) ?? "known",
    email_domains: wordsOf(given, "email_domains"),
    trusts_email: given.has("trusts_email"),
    trusts_second_factor: given.has("trusts_second_factor"),
    refresh_minutes: minutes ? Number(minutes) : null,
  };
}

/** An identity provider, new or as it is to be. */
export function ProviderDialog({ provider, onClose, onDone }: Props) {
  const { t } = useTranslation();
  const [more, setMore] = useState(false);
  const save = async (given: FormData) => {
    const settings = settingsOf(given);
    const { data } = provider
      ? await client.PUT("/api/v1/admin/sign-on-providers/{provider_id}", {
          params: { path: { provider_id: provider.id }, header: { "If-Match": `"${provider.revision}"` } },
          body: settings,
        })
      : await client.POST("/api/v1/admin/sign-on-providers", {
          body: { ...settings, name: text(given, "name"), client_secret: settings.client_secret ?? "" },
        });
    if (data) onDone(data);
    onClose();
  };
  return (
    <FormDialog
      wide
      title={provider ? t("admin.signOn.edit", { name: provider.title }) : t("admin.signOn.new")}
      action={t("action.save")}
      onClose={onClose}
      onSubmit={save}
    >
      {(problems) => (
        <>
          <div className="grid gap-4 sm:grid-cols-2">
            <TextField
              label={t("admin.signOn.title")}
              hint={t("admin.signOn.titleHint")}
              name="title"
              required
              maxLength={100}
              defaultValue={provider?.title}
              problem={problems.title}
            />
            {provider ? null : (
              <TextField
                label={t("admin.signOn.name")}
                hint={t("admin.signOn.nameHint")}
                name="name"
                required
                maxLength={64}
                spellCheck={false}
                problem={problems.name}
              />
            )}
          </div>
          <TextField
            label={t("admin.signOn.discovery")}
            hint={t("admin.signOn.discoveryHint")}
            name="discovery_url"
            type="url"
            required
            defaultValue={provider?.discovery_url}
            problem={problems.discovery_url}
          />
          <div className="grid gap-4 sm:grid-cols-2">
            <TextField
              label={t("admin.signOn.clientId")}
              name="client_id"
              required
              autoComplete="off"
              spellCheck={false}
              defaultValue={provider?.client_id}
              problem={problems.client_id}
            />
            <TextField
              label={t("admin.signOn.secret")}
              hint={provider ? t("admin.signOn.secretKept") : undefined}
              name="client_secret"
              type="password"
              required={!provider}
              autoComplete="off"
              problem={problems.client_secret}
            />
          </div>
          <SelectField
            label={t("admin.signOn.admits")}
            name="admits"
            defaultValue={provider?.admits ?? "mapped"}
            options={ADMITS.map((value) => ({ value, label: t(`admin.signOn.admit.${value}`) }))}
          />
          <TextField
            label={t("admin.signOn.domains")}
            hint={t("admin.signOn.domainsHint")}
            name="email_domains"
            defaultValue={provider?.email_domains.join(" ")}
            problem={problems.email_domains}
          />
          <div>
            <Checkbox
              name="trusts_email"
              label={t("admin.signOn.trustsEmail")}
              hint={t("admin.signOn.trustsEmailHint")}
              defaultChecked={provider?.trusts_email}
            />
            <Checkbox
              name="trusts_second_factor"
              label={t("admin.signOn.trustsFactor")}
              hint={t("admin.signOn.trustsFactorHint")}
              defaultChecked={provider?.trusts_second_factor}
            />
          </div>
          <details open={more} onToggle={(event) => setMore(event.currentTarget.open)}>
            <summary className="cursor-pointer py-1.5 text-sm font-medium text-accent-text">
              {t("admin.signOn.more")}
            </summary>
            <div className="mt-3 grid gap-4 sm:grid-cols-2">
              <TextArea
                label={t("admin.signOn.scopes")}
                name="scopes"
                rows={1}
                defaultValue={(provider?.scopes ?? ["openid", "profile", "email"]).join(" ")}
                problem={problems.scopes}
              />
              <TextField
                label={t("admin.signOn.groupsClaim")}
                name="groups_claim"
                required
                defaultValue={provider?.groups_claim ?? "groups"}
                problem={problems.groups_claim}
              />
              <TextField
                label={t("admin.signOn.emailClaim")}
                name="email_claim"
                required
                defaultValue={provider?.email_claim ?? "email"}
                problem={problems.email_claim}
              />
              <TextField
                label={t("admin.signOn.nameClaim")}
                name="name_claim"
                required
                defaultValue={provider?.name_claim ?? "name"}
                problem={problems.name_claim}
              />
              <TextField
                label={t("admin.signOn.refresh")}
                hint={t("admin.signOn.refreshHint")}
                name="refresh_minutes"
                type="number"
                min={5}
                max={10080}
                defaultValue={provider?.refresh_minutes ?? ""}
                problem={problems.refresh_minutes}
              />
            </div>
          </details>
        </>
      )}
    </FormDialog>
  );
}
