import { Outlet } from "@tanstack/react-router";
import { Search } from "lucide-react";
import { lazy, Suspense, useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { Account } from "./account";
import { ActingBanner } from "./acting-banner";
import { Brand } from "./brand";
import { ConnectionState } from "./connection-state";
import { InboxBell } from "./inbox-bell";
import { useMe } from "./me";
import { BottomBar, Sidebar } from "./navigation";
import { Notices } from "./notices";

const loadFinder = () => import("./finder");
const Finder = lazy(loadFinder);
const LATER_MS = 1_500;

/** What stands around every page of somebody who is signed in. */
export function Shell() {
  const { t } = useTranslation();
  const me = useMe();
  const [finding, setFinding] = useState(false);
  const begun = useRef("");
  useEffect(() => {
    // there before it is asked for, so that what is typed right after Ctrl K is not lost
    const timer = setTimeout(() => void loadFinder(), LATER_MS);
    return () => clearTimeout(timer);
  }, []);
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.key !== "k" || !(event.ctrlKey || event.metaKey)) return;
      event.preventDefault();
      setFinding(true);
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, []);
  useEffect(() => {
    if (!finding) return;
    // what is typed before the finder has come stands in it when it does
    const onKey = (event: KeyboardEvent) => {
      if (event.key.length !== 1 || event.ctrlKey || event.metaKey || event.altKey || isField(event.target)) return;
      event.preventDefault();
      begun.current += event.key;
    };
    addEventListener("keydown", onKey);
    return () => {
      removeEventListener("keydown", onKey);
      begun.current = "";
    };
  }, [finding]);
  return (
    <div className="min-h-dvh md:grid md:grid-cols-[13.5rem_minmax(0,1fr)]">
      <a
        href="#main"
        onClick={(event) => {
          event.preventDefault();
          document.getElementById("main")?.focus();
        }}
        className="sr-only focus:not-sr-only focus:fixed focus:top-2 focus:left-2 focus:z-50 focus:rounded-md focus:bg-surface focus:p-2"
      >
        {t("shell.skip")}
      </a>
      <aside className="sticky top-0 hidden h-dvh flex-col border-r border-line bg-sunken p-3 md:flex">
        <div className="mb-4 px-2 pt-1">
          <Brand />
        </div>
        <Sidebar />
      </aside>
      <div className="min-w-0">
        <header className="sticky top-0 z-20 flex h-13 items-center gap-2 border-b border-line bg-bg px-4 md:px-6">
          <button
            type="button"
            onClick={() => setFinding(true)}
            className="flex h-8 min-w-0 flex-1 items-center gap-2 rounded-md border border-line bg-surface px-2.5 text-sm text-fg-3 hover:border-line-strong md:max-w-sm pointer-coarse:h-10"
          >
            <Search size={14} aria-hidden />
            <span className="truncate">{t("finder.label")}</span>
            <kbd className="ml-auto hidden rounded-sm bg-hover px-1.5 font-mono text-2xs text-fg-2 sm:inline">
              Ctrl K
            </kbd>
          </button>
          <div className="ml-auto flex items-center gap-1">
            <ConnectionState />
            <InboxBell />
            <Account />
          </div>
        </header>
        <ActingBanner />
        <Notices />
        <main id="main" tabIndex={-1} className="mx-auto max-w-[80rem] px-4 pt-5 pb-24 outline-none md:px-6 md:pb-10">
          {/* a page begins anew in another organisation */}
          <Outlet key={me.organisation_id} />
        </main>
      </div>
      <BottomBar />
      {finding ? (
        <Suspense fallback={null}>
          <Finder begun={begun} onClose={() => setFinding(false)} />
        </Suspense>
      ) : null}
    </div>
  );
}

const isField = (target: EventTarget | null) =>
  target instanceof HTMLInputElement || target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement;
