import { useQuery, useQueryClient } from "@tanstack/react-query";
import { KeyRound, Pencil, ShieldCheck, Smartphone, Trash2 } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { type Api, client } from "@/api/client";
import { arePasskeysHere } from "@/api/passkeys";
import { saidBy } from "@/api/problem";
import { ago } from "@/i18n/format";
import { AccountForm } from "@/shell/account-form";
import { Button } from "@/ui/button";
import { Card } from "@/ui/card";
import { Confirm } from "@/ui/confirm";
import { Dialog } from "@/ui/dialog";
import { Empty } from "@/ui/empty";
import { Failed } from "@/ui/failed";
import { Note } from "@/ui/note";
import { SkeletonRows } from "@/ui/skeleton";
import { toast } from "@/ui/toast";
import { AddFactor, factorsQuery } from "./add-factor";
import { RecoveryCodes } from "./recovery-codes";

type Factor = Api["Factor"];

/** Apps and passkeys beside the password, and the codes for when they are lost. */
export function Factors() {
  const { t } = useTranslation();
  const queries = useQueryClient();
  const query = useQuery(factorsQuery);
  const [adding, setAdding] = useState<Factor["kind"] | null>(null);
  const [naming, setNaming] = useState<Factor | null>(null);
  const [removing, setRemoving] = useState<Factor | null>(null);
  const anew = () => queries.invalidateQueries({ queryKey: factorsQuery.queryKey });
  const change = async (next: (before: Factor[]) => Factor[], send: () => Promise<unknown>) => {
    const before = queries.getQueryData<Api["Factors"]>(factorsQuery.queryKey);
    // shown at once, and back when the hub refuses
    if (before) queries.setQueryData(factorsQuery.queryKey, { ...before, factors: next(before.factors) });
    try {
      await send();
      await anew();
    } catch (error) {
      queries.setQueryData(factorsQuery.queryKey, before);
      throw error;
    }
  };
  const remove = ({ id }: Factor) =>
    change(
      (before) => before.filter((one) => one.id !== id),
      () => client.DELETE("/api/v1/me/factors/{factor_id}", { params: { path: { factor_id: id } } }),
    ).catch((error: unknown) => toast(saidBy(error), { tone: "bad" }));
  const rename = async ({ id }: Factor, name: string) => {
    await change(
      (before) => before.map((one) => (one.id === id ? { ...one, name } : one)),
      () => client.PATCH("/api/v1/me/factors/{factor_id}", { params: { path: { factor_id: id } }, body: { name } }),
    );
    setNaming(null);
  };
  if (query.error && !query.data) return <Failed error={query.error} retry={() => void query.refetch()} />;
  const known = query.data;
  const add = (
    <>
      <Button onClick={() => setAdding("totp")}>{t("factor.newApp")}</Button>
      {known?.passkeys_possible && arePasskeysHere() ? (
        <Button onClick={() => setAdding("passkey")}>{t("factor.newPasskey")}</Button>
      ) : null}
    </>
  );
  return (
    <Card flush title={t("factor.title")}>
      {known ? (
        known.factors.length ? (
          <ul className="divide-y divide-line">
            {known.factors.map((factor) => (
              <FactorRow
                key={factor.id}
                factor={factor}
                onRename={() => setNaming(factor)}
                onRemove={() => setRemoving(factor)}
              />
            ))}
          </ul>
        ) : (
          <Empty icon={ShieldCheck} title={t("factor.none")}>
            {t("factor.noneText")}
          </Empty>
        )
      ) : (
        <SkeletonRows rows={2} />
      )}
      <div className="flex min-h-13 flex-wrap items-center gap-2 border-t border-line px-4 py-2.5">{add}</div>
      {known?.factors.length ? <Codes left={known.recovery_codes_left} onChanged={() => void anew()} /> : null}
      <Dialog
        open={adding !== null}
        onClose={() => setAdding(null)}
        title={t(adding === "passkey" ? "factor.newPasskey" : "factor.newApp")}
      >
        <AddFactor
          kind={adding}
          onDone={() => {
            setAdding(null);
            void anew();
          }}
        />
      </Dialog>
      <Dialog open={naming !== null} onClose={() => setNaming(null)} title={t("factor.rename")}>
        <AccountForm
          action={t("action.save")}
          fields={[{ name: "name", label: t("factor.name"), value: naming?.name ?? "" }]}
          onSubmit={async ({ name = "" }) => {
            if (naming) await rename(naming, name);
          }}
        />
      </Dialog>
      <Confirm
        open={removing !== null}
        onClose={() => setRemoving(null)}
        title={t("factor.removeOf", { name: removing?.name ?? "" })}
        text={t(known?.factors.length === 1 ? "factor.removeLastText" : "factor.removeText")}
        action={t("factor.remove")}
        onConfirm={async () => {
          if (removing) await remove(removing);
        }}
      />
    </Card>
  );
}

type RowProps = { factor: Factor; onRename: () => void; onRemove: () => void };

function FactorRow({ factor, onRename, onRemove }: RowProps) {
  const { t } = useTranslation();
  const Icon = factor.kind === "passkey" ? KeyRound : Smartphone;
  const used = factor.last_used_at ? t("settings.lastUsed", { when: ago(factor.last_used_at) }) : t("factor.neverUsed");
  return (
    <li className="flex min-h-15 items-center gap-3 px-4 py-2.5">
      <Icon size={18} aria-hidden className="shrink-0 text-fg-3" />
      <span className="min-w-0 flex-1">
        <span className="block truncate font-medium">{factor.name}</span>
        <span className="block text-sm text-fg-3">
          {[t(`factor.${factor.kind}`), t("factor.added", { when: ago(factor.created_at) }), used].join(" · ")}
        </span>
      </span>
      <Button kind="ghost" size="icon" aria-label={t("factor.renameOf", { name: factor.name })} onClick={onRename}>
        <Pencil size={15} aria-hidden />
      </Button>
      <Button kind="ghost" size="icon" aria-label={t("factor.removeOf", { name: factor.name })} onClick={onRemove}>
        <Trash2 size={15} aria-hidden />
      </Button>
    </li>
  );
}

const FEW = 3;

function Codes({ left, onChanged }: { left: number; onChanged: () => void }) {
  const { t } = useTranslation();
  const [asking, setAsking] = useState(false);
  const [codes, setCodes] = useState<string[] | null>(null);
  const renew = async () => {
    try {
      const { data } = await client.POST("/api/v1/me/recovery-codes");
      setCodes(data?.codes ?? null);
    } catch (error) {
      toast(saidBy(error), { tone: "bad" });
    }
  };
  const done = () => {
    setCodes(null);
    onChanged();
  };
  return (
    <div className="flex flex-wrap items-center gap-3 border-t border-line px-4 py-2.5">
      <span className="min-w-0 flex-1 basis-60">
        <span className="block font-medium">{t("recovery.title")}</span>
        <span className="block text-sm text-fg-3">{t("recovery.left", { amount: left })}</span>
      </span>
      <Button onClick={() => setAsking(true)}>{t("recovery.renew")}</Button>
      {left < FEW ? (
        <Note tone="warn" className="w-full">
          {t("recovery.few")}
        </Note>
      ) : null}
      <Confirm
        open={asking}
        onClose={() => setAsking(false)}
        title={t("recovery.renew")}
        text={t("recovery.renewText")}
        action={t("recovery.renewAction")}
        onConfirm={renew}
      />
      <Dialog open={codes !== null} title={t("recovery.title")}>
        {codes ? <RecoveryCodes codes={codes} onDone={done} /> : null}
      </Dialog>
    </div>
  );
}
