import { X } from "lucide-react";
import { useCallback, useEffect, useRef, useState, useSyncExternalStore } from "react";
import { useTranslation } from "react-i18next";
import { Button } from "./button";
import { cn } from "./cn";

type Toast = { id: number; text: string; tone: "plain" | "bad"; undo?: () => void; onGone?: () => void };
type Wanted = { tone?: Toast["tone"]; undo?: () => void; onGone?: () => void };

const SHOWN_MS = 6000;
const SHOWN_MAX = 3;
let shown: Toast[] = [];
let last = 0;
const listeners = new Set<() => void>();

function set(next: Toast[]) {
  shown = next;
  for (const listener of listeners) listener();
}

function drop(id: number) {
  const gone = shown.find((toast) => toast.id === id);
  set(shown.filter((toast) => toast.id !== id));
  gone?.onGone?.();
}

/** Says something for some seconds; with `undo` it can be taken back, and `onGone` runs when it was not. */
export function toast(text: string, { tone = "plain", undo, onGone }: Wanted = {}) {
  last += 1;
  const wanted: Toast = { id: last, text, tone, ...(undo && { undo }), ...(onGone && { onGone }) };
  for (const old of shown.slice(0, Math.max(0, shown.length + 1 - SHOWN_MAX))) drop(old.id);
  set([...shown, wanted]);
  return wanted.id;
}

export function Toaster() {
  const subscribe = useCallback((listener: () => void) => {
    listeners.add(listener);
    return () => listeners.delete(listener);
  }, []);
  const toasts = useSyncExternalStore(subscribe, () => shown);
  return (
    <div
      aria-live="polite"
      className="pointer-events-none fixed inset-x-4 bottom-20 z-[60] flex flex-col items-end gap-2 md:bottom-4"
    >
      {toasts.map((item) => (
        <Shown key={item.id} toast={item} />
      ))}
    </div>
  );
}

function Shown({ toast: item }: { toast: Toast }) {
  const { t } = useTranslation();
  const [held, setHeld] = useState(false);
  const left = useRef(SHOWN_MS);
  useEffect(() => {
    if (held) return;
    const began = Date.now();
    const timer = setTimeout(() => drop(item.id), left.current);
    return () => {
      clearTimeout(timer);
      left.current = Math.max(1500, left.current - (Date.now() - began));
    };
  }, [held, item.id]);
  const undo = () => {
    item.undo?.();
    set(shown.filter((other) => other.id !== item.id));
  };
  return (
    <div
      data-toast
      onPointerEnter={() => setHeld(true)}
      onPointerLeave={() => setHeld(false)}
      onFocus={() => setHeld(true)}
      onBlur={() => setHeld(false)}
      className={cn(
        "appear pointer-events-auto flex w-full max-w-sm items-center gap-2 rounded-lg border bg-surface py-2 pr-2 pl-4 text-sm shadow-lg",
        item.tone === "bad" ? "border-bad/50" : "border-line",
      )}
    >
      <span className={cn("min-w-0 flex-1 break-words", item.tone === "bad" && "text-bad")}>{item.text}</span>
      {item.undo ? <Button onClick={undo}>{t("action.undo")}</Button> : null}
      <Button kind="ghost" size="icon" aria-label={t("action.close")} onClick={() => drop(item.id)}>
        <X size={14} aria-hidden />
      </Button>
    </div>
  );
}
