import { useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import type { Api } from "@/api/client";
import { arePasskeysHere, signed } from "@/api/passkeys";
import { saidBy } from "@/api/problem";
import { Button } from "@/ui/button";
import { TextField } from "@/ui/field";
import { Note } from "@/ui/note";

export type Way = "passkey" | "totp" | "password" | "recovery";
export type Proof =
  | { passkey: Api["SignedCredential"] }
  | { totp: string }
  | { password: string }
  | { recovery: string };
type Props = {
  ways: string[];
  action: string;
  /** What a passkey is to sign. */
  askPasskey: () => Promise<Api["PasskeyOptions"]>;
  onProof: (proof: Proof) => Promise<void>;
};

const ORDER: Way[] = ["passkey", "totp", "password", "recovery"];
const FIELDS = {
  totp: { name: "totp", autoComplete: "one-time-code", inputMode: "numeric", maxLength: 16 },
  password: { name: "password", type: "password", autoComplete: "current-password" },
  recovery: { name: "recovery", autoComplete: "off", spellCheck: false, maxLength: 64 },
} as const;

/** One proof that it is somebody, by one of several ways; the strongest comes first, the others are a press away. */
export function ProofForm({ ways, action, askPasskey, onProof }: Props) {
  const { t } = useTranslation();
  const usable = ORDER.filter((way) => ways.includes(way) && (way !== "passkey" || arePasskeysHere()));
  const [chosen, choose] = useState<Way | null>(null);
  const [problem, setProblem] = useState("");
  const [busy, setBusy] = useState(false);
  const place = useRef<HTMLFormElement>(null);
  const way = chosen ?? usable[0];
  useEffect(() => place.current?.querySelector<HTMLElement>("input, button")?.focus(), [way]);
  if (!way) return <Note tone="warn">{t("proof.none")}</Note>;
  const show = async (form: HTMLFormElement) => {
    setBusy(true);
    setProblem("");
    try {
      const given = String(new FormData(form).get(way) ?? "");
      await onProof(way === "passkey" ? { passkey: await signed(await askPasskey()) } : proofOf(way, given));
    } catch (error) {
      setProblem(saidBy(error));
      form.querySelector("input")?.select();
    } finally {
      setBusy(false);
    }
  };
  return (
    <>
      <form
        ref={place}
        key={way}
        className="space-y-4"
        onSubmit={(event) => {
          event.preventDefault();
          void show(event.currentTarget);
        }}
      >
        {way === "passkey" ? (
          <p className="text-fg-2">{t("proof.passkeyText")}</p>
        ) : (
          <TextField {...FIELDS[way]} label={t(`proof.${way}`)} hint={t(`proof.${way}Text`)} required />
        )}
        {problem ? (
          <div role="alert">
            <Note tone="bad">{problem}</Note>
          </div>
        ) : null}
        <Button type="submit" kind="primary" size="wide" busy={busy}>
          {way === "passkey" ? t("proof.passkey") : action}
        </Button>
      </form>
      <div className="mt-2">
        {usable
          .filter((other) => other !== way)
          .map((other) => (
            <Button
              key={other}
              kind="ghost"
              size="wide"
              onClick={() => {
                setProblem("");
                choose(other);
              }}
            >
              {t(`proof.${other}Instead`)}
            </Button>
          ))}
      </div>
    </>
  );
}

function proofOf(way: Exclude<Way, "passkey">, given: string): Proof {
  if (way === "password") return { password: given };
  // apps show a code in two halves
  return way === "totp" ? { totp: given.replace(/\s/g, "") } : { recovery: given.trim() };
}
