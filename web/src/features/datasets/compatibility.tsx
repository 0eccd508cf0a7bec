import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { type Api, api, client, queryClient } from "@/api/client";
import { saidBy } from "@/api/problem";
import { Card } from "@/ui/card";
import { SelectField } from "@/ui/select";
import { toast } from "@/ui/toast";
import { MODES } from "./schema-text";

/** Which changes of its columns a dataset allows, and a way to allow others. */
export function Compatibility({ org, name }: { org: string; name: string }) {
  const { t } = useTranslation();
  const [busy, setBusy] = useState(false);
  const path = { org, name };
  const options = api.queryOptions("get", "/api/v1/datasets/{org}/{name}/schema-compatibility", { params: { path } });
  const query = useQuery(options);
  const allow = async (mode: Api["SchemaCompatibility"]["mode"]) => {
    setBusy(true);
    try {
      const { data } = await client.PUT("/api/v1/datasets/{org}/{name}/schema-compatibility", {
        params: { path },
        body: { mode },
      });
      queryClient.setQueryData(options.queryKey, data);
      toast(t("schema.modeSet", { mode: t(`schema.mode.${mode}`) }));
    } catch (error) {
      toast(saidBy(error), { tone: "bad" });
    } finally {
      setBusy(false);
    }
  };
  return (
    <Card title={t("schema.allowed")}>
      <SelectField
        label={t("schema.rule")}
        hint={t("schema.allowedText")}
        value={query.data?.mode ?? "NONE"}
        disabled={busy || !query.data}
        options={MODES.map((mode) => ({ value: mode, label: t(`schema.mode.${mode}`) }))}
        onChange={(event) => {
          const mode = MODES.find((one) => one === event.target.value);
          if (mode) void allow(mode);
        }}
      />
    </Card>
  );
}
