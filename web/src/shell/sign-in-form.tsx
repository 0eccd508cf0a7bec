import { useQuery } from "@tanstack/react-query";
import { KeyRound, LogIn } from "lucide-react";
import { type ReactNode, useState } from "react";
import { useTranslation } from "react-i18next";
import { send } from "@/api/client";
import { arePasskeysHere, signed } from "@/api/passkeys";
import { Problem, saidBy } from "@/api/problem";
import { hubPath } from "@/api/root";
import { setSession } from "@/api/session";
import { Button, buttonClass } from "@/ui/button";
import { TextField } from "@/ui/field";
import { Note } from "@/ui/note";
import { ProofForm } from "./proof-form";
import { signInOptions } from "./sign-in-options";

type Ticket = { ticket: string; methods: string[] };
type Answer = { state: "signed_in" } | ({ state: "second_factor" } & Ticket);
type Props = {
  email?: string;
  /** The page that somebody who signs on elsewhere comes back to. */
  to?: string | undefined;
  /** Signing on elsewhere opens a tab of its own, so that this one keeps what was typed. */
  apart?: boolean;
  /** The ticket of a first step that was taken elsewhere. */
  ticket?: Ticket | null;
  onDone: () => void;
  /** What stands below as long as the first step is not taken. */
  children?: ReactNode;
};

/** Every way in: password and second factor, a passkey alone, another provider. What goes wrong is said above the button. */
export function SignInForm({ email = "", to = "/", apart = false, ticket = null, onDone, children }: Props) {
  const [asked, setAsked] = useState(ticket);
  const [given, setGiven] = useState(email);
  const [problem, setProblem] = useState("");
  const enter = () => {
    setSession("signed_in");
    onDone();
  };
  if (asked) {
    return (
      <SecondStep
        asked={asked}
        onDone={enter}
        onOver={(why) => {
          setProblem(why);
          setAsked(null);
        }}
      />
    );
  }
  return (
    <>
      <PasswordForm
        email={given}
        problem={problem}
        setProblem={setProblem}
        onAnswer={(answer, typed) => {
          setGiven(typed);
          if (answer.state === "second_factor") setAsked(answer);
          else enter();
        }}
      />
      <OtherWays to={to} apart={apart} onDone={enter} setProblem={setProblem} />
      {children}
    </>
  );
}

type PasswordProps = {
  email: string;
  problem: string;
  setProblem: (problem: string) => void;
  onAnswer: (answer: Answer, email: string) => void;
};

function PasswordForm({ email, problem, setProblem, onAnswer }: PasswordProps) {
  const { t } = useTranslation();
  const [busy, setBusy] = useState(false);
  const signIn = async (form: FormData) => {
    setBusy(true);
    setProblem("");
    try {
      const given = { email: String(form.get("email")).trim(), password: String(form.get("password")) };
      onAnswer(await send<Answer>("POST", "sessions", given), given.email);
    } catch (error) {
      setProblem(saidBy(error));
    } finally {
      setBusy(false);
    }
  };
  return (
    <form
      className="space-y-4"
      onSubmit={(event) => {
        event.preventDefault();
        void signIn(new FormData(event.currentTarget));
      }}
    >
      <TextField
        label={t("field.email")}
        name="email"
        type="email"
        autoComplete="username"
        required
        defaultValue={email}
      />
      <TextField label={t("field.password")} name="password" type="password" autoComplete="current-password" required />
      {problem ? (
        <div role="alert">
          <Note tone="bad">{problem}</Note>
        </div>
      ) : null}
      <Button type="submit" kind="primary" size="wide" busy={busy}>
        {t("signIn.action")}
      </Button>
    </form>
  );
}

type SecondProps = { asked: Ticket; onDone: () => void; onOver: (why: string) => void };

function SecondStep({ asked: { ticket, methods }, onDone, onOver }: SecondProps) {
  const { t } = useTranslation();
  return (
    <section aria-label={t("proof.title")}>
      <p className="mb-4 text-fg-2">{t("proof.text")}</p>
      <ProofForm
        ways={methods}
        action={t("signIn.action")}
        askPasskey={() => send("POST", "sessions/second-factor/passkey-options", { ticket })}
        onProof={async (proof) => {
          try {
            await send("POST", "sessions/second-factor", { ticket, ...proof });
          } catch (error) {
            if (!(error instanceof Problem) || error.code !== "ticket_refused") throw error;
            onOver(error.message);
            return;
          }
          onDone();
        }}
      />
      <Button kind="ghost" size="wide" onClick={() => onOver("")}>
        {t("proof.back")}
      </Button>
    </section>
  );
}

type OtherProps = { to: string; apart: boolean; onDone: () => void; setProblem: (problem: string) => void };

function OtherWays({ to, apart, onDone, setProblem }: OtherProps) {
  const { t } = useTranslation();
  const options = useQuery(signInOptions).data;
  const [busy, setBusy] = useState(false);
  const byPasskey = Boolean(options?.passkeys) && arePasskeysHere();
  if (!byPasskey && !options?.providers.length) return null;
  const enter = async () => {
    setBusy(true);
    setProblem("");
    try {
      const passkey = await signed(await send("POST", "sessions/passkey-options"));
      await send("POST", "sessions/passkey", { passkey });
      onDone();
    } catch (error) {
      setProblem(saidBy(error));
    } finally {
      setBusy(false);
    }
  };
  return (
    <div className="mt-4 space-y-2 border-t border-line pt-4">
      {byPasskey ? (
        <Button size="wide" busy={busy} onClick={() => void enter()}>
          {busy ? null : <KeyRound size={15} aria-hidden />}
          {t("signIn.byPasskey")}
        </Button>
      ) : null}
      {options?.providers.map((provider) => (
        <a
          key={provider.id}
          href={`${hubPath(`api/v1/sign-on/${provider.id}`)}?return_to=${encodeURIComponent(to)}`}
          className={buttonClass({ size: "wide" })}
          {...(apart && { target: "_blank", rel: "noreferrer" })}
        >
          <LogIn size={15} aria-hidden />
          <span className="truncate">{t("signIn.through", { provider: provider.name })}</span>
        </a>
      ))}
    </div>
  );
}
