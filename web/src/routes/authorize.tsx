import { useQuery } from "@tanstack/react-query";
import { createFileRoute, Link } from "@tanstack/react-router";
import { Check } from "lucide-react";
import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { arrivedWith } from "@/api/arrival";
import { type Api, client, send } from "@/api/client";
import { saidBy } from "@/api/problem";
import { mayBeSignedIn } from "@/api/transport";
import { BLANK_LINE, Front } from "@/shell/front";
import { meQuery } from "@/shell/me";
import { pathOfPage } from "@/shell/own-page";
import { Button, buttonClass } from "@/ui/button";
import { Note } from "@/ui/note";
import { Skeleton } from "@/ui/skeleton";

// the request is read from the address as it came, so that each value stays what the program sent
export const Route = createFileRoute("/authorize")({ component: Authorize });

const SCOPES = {
  openid: "authorize.openid",
  profile: "authorize.profile",
  email: "authorize.email",
  groups: "authorize.groups",
  offline_access: "authorize.offlineAccess",
} as const;

async function answer(allow: boolean): Promise<string> {
  const parameters = Object.fromEntries(new URLSearchParams(arrivedWith));
  const { data } = await client.POST("/api/v1/authorizations", { body: { parameters, allow } });
  return data?.redirect_to ?? pathOfPage("/");
}

/** Another program asks who somebody is: they are asked once, or sent on where there is nothing to ask. */
function Authorize() {
  const { t } = useTranslation();
  const { queryClient } = Route.useRouteContext();
  const step = useQuery({
    queryKey: ["authorization"],
    queryFn: async () => {
      // a session whose token has run out is renewed first: the hub would take its owner for nobody
      if (mayBeSignedIn()) await queryClient.ensureQueryData(meQuery).catch(() => null);
      return send<Api["AuthorizationStep"]>("GET", `authorizations${arrivedWith}`);
    },
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 0,
    refetchOnMount: false,
  });
  const { state, redirect_to } = step.data ?? {};
  const onward = useQuery({
    queryKey: ["authorization", state],
    queryFn: async () => {
      const url = state === "redirect" ? redirect_to : await answer(true);
      if (url) location.replace(url);
      return null;
    },
    enabled: state === "redirect" || state === "ready",
    retry: false,
    gcTime: 0,
    staleTime: Number.POSITIVE_INFINITY,
  });
  useEffect(() => {
    if (state !== "sign_in") return;
    location.replace(pathOfPage(`/sign-in?to=${encodeURIComponent(`/authorize${arrivedWith}`)}`));
  }, [state]);
  const error = step.error ?? onward.error;
  if (error) {
    return (
      <Front title={t("authorize.refusedTitle")}>
        <div role="alert" className="space-y-4">
          <Note tone="bad">{saidBy(error)}</Note>
          <Link to="/" className={buttonClass({ size: "wide" })}>
            {t("missing.home")}
          </Link>
        </div>
      </Front>
    );
  }
  if (step.data?.state !== "consent") {
    return (
      <Front title={t("authorize.wait")} text={BLANK_LINE}>
        <Skeleton className="h-64" />
      </Front>
    );
  }
  return <Ask asked={step.data} />;
}

function Ask({ asked }: { asked: Api["AuthorizationStep"] }) {
  const { t } = useTranslation();
  const me = useQuery(meQuery).data;
  const [busy, setBusy] = useState<boolean | null>(null);
  const [problem, setProblem] = useState("");
  const program = asked.program ?? "";
  const host = new URL(new URLSearchParams(arrivedWith).get("redirect_uri") ?? location.href).host;
  const decide = async (allow: boolean) => {
    setBusy(allow);
    setProblem("");
    try {
      location.replace(await answer(allow));
    } catch (error) {
      setProblem(saidBy(error));
      setBusy(null);
    }
  };
  return (
    <Front title={t("authorize.title", { program })} text={t("authorize.text", { program, host })}>
      <ul className="card divide-y divide-line">
        {asked.scopes.map((scope) => (
          <li key={scope} className="flex items-start gap-2.5 px-4 py-2.5">
            <Check size={16} aria-hidden className="mt-0.5 shrink-0 text-ok" />
            {scope in SCOPES ? t(SCOPES[scope as keyof typeof SCOPES]) : scope}
          </li>
        ))}
      </ul>
      <p className="mt-4 min-h-5 text-sm break-words text-fg-2">
        {me ? t("authorize.as", { name: me.email ?? me.display_name }) : ""}{" "}
        <a
          href={pathOfPage(`/sign-in?to=${encodeURIComponent(`/authorize${arrivedWith}`)}`)}
          className="text-accent-text underline underline-offset-2"
        >
          {t("authorize.another")}
        </a>
      </p>
      {problem ? (
        <div role="alert" className="mt-4">
          <Note tone="bad">{problem}</Note>
        </div>
      ) : null}
      <div className="mt-4 space-y-2">
        <Button
          kind="primary"
          size="wide"
          busy={busy === true}
          disabled={busy !== null}
          onClick={() => void decide(true)}
        >
          {t("authorize.allow", { program })}
        </Button>
        <Button size="wide" busy={busy === false} disabled={busy !== null} onClick={() => void decide(false)}>
          {t("authorize.refuse")}
        </Button>
      </div>
      <p className="mt-3 text-xs text-fg-3">{t("authorize.once", { program })}</p>
    </Front>
  );
}
