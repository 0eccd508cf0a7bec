import { useQuery } from "@tanstack/react-query";
import { KeyRound, Smartphone } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { type Api, api, client } from "@/api/client";
import { arePasskeysHere, made } from "@/api/passkeys";
import { AccountForm } from "@/shell/account-form";
import { Button } from "@/ui/button";
import { Code } from "@/ui/code";
import { Failed } from "@/ui/failed";
import { Skeleton } from "@/ui/skeleton";
import { RecoveryCodes } from "./recovery-codes";

export const factorsQuery = api.queryOptions("get", "/api/v1/me/factors");
type Kind = Api["Factor"]["kind"];
type Props = { kind?: Kind | null; onDone: () => void };

/** Sets up an app or a passkey, whichever is chosen, and shows the recovery codes that come with the first one. */
export function AddFactor({ kind = null, onDone }: Props) {
  const { t } = useTranslation();
  const query = useQuery(factorsQuery);
  const [chosen, choose] = useState(kind);
  const [codes, setCodes] = useState<string[] | null>(null);
  const ready = (factor: Api["FactorReady"] | undefined) => {
    if (factor?.recovery_codes) setCodes(factor.recovery_codes);
    else onDone();
  };
  if (codes) return <RecoveryCodes codes={codes} onDone={onDone} />;
  if (chosen === "totp") return <NewApp onReady={ready} />;
  if (chosen === "passkey") return <NewPasskey onReady={ready} />;
  if (query.error) return <Failed error={query.error} retry={() => void query.refetch()} />;
  if (!query.data) return <Skeleton className="h-20" />;
  return (
    <div className="space-y-2">
      <Button size="wide" onClick={() => choose("totp")}>
        <Smartphone size={15} aria-hidden />
        {t("factor.newApp")}
      </Button>
      {query.data.passkeys_possible && arePasskeysHere() ? (
        <Button size="wide" onClick={() => choose("passkey")}>
          <KeyRound size={15} aria-hidden />
          {t("factor.newPasskey")}
        </Button>
      ) : null}
    </div>
  );
}

type Ready = { onReady: (factor: Api["FactorReady"] | undefined) => void };

function NewApp({ onReady }: Ready) {
  const { t } = useTranslation();
  const [begun, setBegun] = useState<Api["AuthenticatorAppMade"] | null>(null);
  if (!begun) {
    return (
      <AccountForm
        key="name"
        action={t("factor.goOn")}
        fields={[{ name: "name", label: t("factor.name"), value: t("factor.appName"), hint: t("factor.nameHint") }]}
        onSubmit={async ({ name = "" }) => {
          const { data } = await client.POST("/api/v1/me/authenticator-apps", { body: { name } });
          setBegun(data ?? null);
        }}
      />
    );
  }
  return (
    <div className="space-y-4">
      <p className="text-fg-2">{t("factor.scan")}</p>
      <img
        src={`data:image/svg+xml,${encodeURIComponent(begun.qr_svg)}`}
        alt={t("factor.qr")}
        className="mx-auto block size-52 rounded-md border border-line bg-white p-1"
      />
      <div>
        <p className="mb-1 text-sm text-fg-2">{t("factor.orType")}</p>
        <Code label={t("factor.secret")}>{begun.secret}</Code>
      </div>
      <AccountForm
        key="code"
        action={t("factor.confirm")}
        fields={[{ name: "code", label: t("factor.code"), autoComplete: "one-time-code" }]}
        onSubmit={async ({ code = "" }) => {
          const { data } = await client.POST("/api/v1/me/authenticator-apps/{app_id}/confirm", {
            params: { path: { app_id: begun.id } },
            body: { code: code.replace(/\s/g, "") },
          });
          onReady(data);
        }}
      />
    </div>
  );
}

function NewPasskey({ onReady }: Ready) {
  const { t } = useTranslation();
  return (
    <>
      <p className="mb-4 text-fg-2">{t("factor.passkeyText")}</p>
      <AccountForm
        action={t("factor.newPasskey")}
        fields={[{ name: "name", label: t("factor.name"), value: t("factor.passkeyName"), hint: t("factor.nameHint") }]}
        onSubmit={async ({ name = "" }) => {
          const { data: options } = await client.POST("/api/v1/me/passkeys/options");
          if (!options) return;
          const credential = await made(options);
          const { data } = await client.POST("/api/v1/me/passkeys", { body: { name, credential } });
          onReady(data);
        }}
      />
    </>
  );
}
