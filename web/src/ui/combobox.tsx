import type { LucideIcon } from "lucide-react";
import { useId, useState } from "react";
import { useTranslation } from "react-i18next";
import { cn } from "./cn";
import { CONTROL, Field } from "./field";

export type Choice = { id: string; label: string; detail?: string; icon?: LucideIcon };
type Props = {
  label: string;
  hint?: string;
  problem?: string;
  query: string;
  onQuery: (query: string) => void;
  choices: Choice[];
  onPick: (choice: Choice) => void;
};

/** A field that offers what fits what is typed; who uses it decides what fits. */
export function Combobox({ label, hint, problem, query, onQuery, choices, onPick }: Props) {
  const { t } = useTranslation();
  const list = useId();
  const [open, setOpen] = useState(false);
  const [at, setAt] = useState(0);
  const chosen = Math.min(at, Math.max(0, choices.length - 1));
  const pick = (choice: Choice | undefined) => {
    if (!choice) return;
    setOpen(false);
    onPick(choice);
  };
  const onKeyDown = (event: React.KeyboardEvent) => {
    const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
    if (step) {
      event.preventDefault();
      setOpen(true);
      if (open && choices.length) setAt((chosen + step + choices.length) % choices.length);
    }
    if (event.key === "Enter" && open) {
      event.preventDefault();
      pick(choices[chosen]);
    }
    if (event.key === "Escape" && open) {
      // closes the list, and not the window that it is in
      event.stopPropagation();
      event.nativeEvent.stopImmediatePropagation();
      setOpen(false);
    }
  };
  return (
    <Field label={label} hint={hint} problem={problem}>
      {(wired) => (
        <div className="relative">
          <input
            {...wired}
            type="text"
            role="combobox"
            autoComplete="off"
            spellCheck={false}
            aria-expanded={open}
            aria-controls={open ? list : undefined}
            aria-autocomplete="list"
            aria-activedescendant={open && choices.length ? `${list}-${chosen}` : undefined}
            value={query}
            onChange={(event) => {
              setAt(0);
              setOpen(true);
              onQuery(event.target.value);
            }}
            onFocus={() => setOpen(true)}
            onBlur={() => setOpen(false)}
            onKeyDown={onKeyDown}
            className={cn(CONTROL, "h-8 pointer-coarse:h-11")}
          />
          {open ? (
            <div
              id={list}
              role="listbox"
              aria-label={label}
              className="absolute inset-x-0 top-full z-10 mt-1 max-h-60 overflow-y-auto rounded-lg border border-line bg-surface p-1 shadow-lg"
            >
              {choices.map((choice, index) => (
                // biome-ignore lint/a11y/useKeyWithClickEvents: the field above has the keyboard
                <div
                  key={choice.id}
                  id={`${list}-${index}`}
                  role="option"
                  tabIndex={-1}
                  aria-selected={index === chosen}
                  // the field keeps the focus
                  onPointerDown={(event) => event.preventDefault()}
                  onClick={() => pick(choice)}
                  onPointerMove={() => setAt(index)}
                  className={cn(
                    "flex min-h-8 cursor-pointer items-center gap-2 rounded-md px-2 py-1 text-sm pointer-coarse:min-h-11",
                    index === chosen && "bg-hover",
                  )}
                >
                  {choice.icon ? <choice.icon size={15} aria-hidden className="shrink-0 text-fg-3" /> : null}
                  <span className="min-w-0 flex-1 truncate">{choice.label}</span>
                  {choice.detail ? <span className="shrink-0 truncate text-xs text-fg-3">{choice.detail}</span> : null}
                </div>
              ))}
              {choices.length ? null : (
                <div
                  role="option"
                  aria-disabled
                  aria-selected={false}
                  tabIndex={-1}
                  className="px-2 py-1.5 text-sm text-fg-3"
                >
                  {t("palette.nothing")}
                </div>
              )}
            </div>
          ) : null}
        </div>
      )}
    </Field>
  );
}
