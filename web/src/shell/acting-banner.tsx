import { useNavigate } from "@tanstack/react-router";
import { UserCheck } from "lucide-react";
import { useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { type Acting, actAs, useActing } from "@/api/acting";
import { client, queryClient } from "@/api/client";
import { live } from "@/api/live";
import { clock } from "@/i18n/format";
import { Button } from "@/ui/button";
import { toast } from "@/ui/toast";

/** Begins to act as somebody: everything read before is forgotten, and from now on asked for as them. */
export function beginActing(as: Acting) {
  live.close();
  actAs(as);
}

/** Stands over every page while an administrator acts as somebody else, and ends it. */
export function ActingBanner() {
  const { t } = useTranslation();
  const acting = useActing();
  const navigate = useNavigate();
  const [busy, setBusy] = useState(false);
  const before = useRef(acting);
  useEffect(() => {
    if (before.current?.id === acting?.id) return;
    const endedAs = acting ? null : before.current;
    before.current = acting;
    void queryClient.resetQueries();
    if (!endedAs) return;
    live.open();
    toast(t("acting.ended", { name: endedAs.name }));
  }, [acting, t]);
  useEffect(() => {
    if (!acting) return;
    const timer = setTimeout(actAs, Date.parse(acting.endsAt) - Date.now(), null);
    return () => clearTimeout(timer);
  }, [acting]);
  if (!acting) return null;
  const end = async () => {
    setBusy(true);
    try {
      await client.DELETE("/api/v1/admin/impersonation");
      actAs(null);
      await navigate({ to: "/admin/users", search: {} });
    } catch (error) {
      toast(error instanceof Error ? error.message : t("failed.unknown"), { tone: "bad" });
    } finally {
      setBusy(false);
    }
  };
  return (
    <section
      aria-label={t("acting.label")}
      className="sticky top-13 z-10 flex flex-wrap items-center gap-2 border-b border-line bg-warn-soft px-4 py-2 text-sm md:px-6"
    >
      <UserCheck size={15} aria-hidden className="shrink-0 text-warn" />
      <span className="min-w-0 flex-1 break-words">
        {t("acting.as", { name: acting.name, until: clock(acting.endsAt) })}
      </span>
      <Button busy={busy} onClick={() => void end()}>
        {t("acting.end")}
      </Button>
    </section>
  );
}
