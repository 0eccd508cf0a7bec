import { type LucideIcon, Search } from "lucide-react";
import { Dialog as Radix } from "radix-ui";
import { useId, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { cn } from "./cn";

export type Command = { id: string; label: string; detail?: string; icon: LucideIcon; run: () => void };
type Props = {
  open: boolean;
  onClose: () => void;
  label: string;
  commands: Command[];
  query: string;
  onQuery: (query: string) => void;
};

/** A field and a list that the arrows walk; the list's owner decides what fits the words. */
export function CommandPalette({ open, onClose, label, commands, query, onQuery }: Props) {
  const { t } = useTranslation();
  const id = useId();
  const field = useRef<HTMLInputElement>(null);
  const [at, setAt] = useState(0);
  const chosen = Math.min(at, Math.max(0, commands.length - 1));
  const run = (command: Command | undefined) => {
    if (!command) return;
    onClose();
    command.run();
  };
  const onKeyDown = (event: React.KeyboardEvent) => {
    const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
    if (step && commands.length) {
      event.preventDefault();
      const next = (chosen + step + commands.length) % commands.length;
      setAt(next);
      document.getElementById(`${id}-${next}`)?.scrollIntoView({ block: "nearest" });
    }
    if (event.key === "Enter") run(commands[chosen]);
  };
  return (
    <Radix.Root open={open} onOpenChange={(wanted) => !wanted && onClose()}>
      <Radix.Portal>
        <Radix.Overlay className="fixed inset-0 z-40 bg-black/45" />
        <Radix.Content
          aria-describedby={undefined}
          onKeyDown={onKeyDown}
          onOpenAutoFocus={(event) => {
            // the caret goes behind what stands there already: whoever types on adds to it
            event.preventDefault();
            field.current?.focus();
            field.current?.setSelectionRange(query.length, query.length);
          }}
          className="appear fixed inset-x-3 top-[8dvh] z-50 mx-auto flex max-h-[70dvh] max-w-xl flex-col overflow-hidden rounded-lg border border-line bg-surface shadow-xl outline-none"
        >
          <Radix.Title className="sr-only">{label}</Radix.Title>
          <div className="flex items-center gap-2.5 border-b border-line px-4">
            <Search size={16} aria-hidden className="text-fg-3" />
            <input
              ref={field}
              type="text"
              role="combobox"
              aria-label={label}
              aria-expanded
              aria-controls={`${id}-list`}
              aria-activedescendant={commands.length ? `${id}-${chosen}` : undefined}
              value={query}
              placeholder={label}
              onChange={(event) => {
                setAt(0);
                onQuery(event.target.value);
              }}
              className="h-12 w-full bg-transparent text-lg outline-none placeholder:text-fg-3 focus-visible:outline-none"
            />
          </div>
          <div id={`${id}-list`} role="listbox" aria-label={label} className="overflow-y-auto p-1.5">
            {commands.map((command, index) => (
              // biome-ignore lint/a11y/useKeyWithClickEvents: the field above has the keyboard
              <div
                key={command.id}
                id={`${id}-${index}`}
                role="option"
                tabIndex={-1}
                aria-selected={index === chosen}
                onClick={() => run(command)}
                onPointerMove={() => setAt(index)}
                className={cn(
                  "flex min-h-10 cursor-pointer items-center gap-3 rounded-md px-2.5 text-base pointer-coarse:min-h-12",
                  index === chosen && "bg-hover",
                )}
              >
                <command.icon size={16} aria-hidden className="shrink-0 text-fg-3" />
                <span className="min-w-0 flex-1 truncate">{command.label}</span>
                {command.detail ? <span className="shrink-0 text-xs text-fg-3">{command.detail}</span> : null}
              </div>
            ))}
          </div>
          {commands.length ? null : <p className="px-4 pb-5 text-center text-sm text-fg-3">{t("palette.nothing")}</p>}
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  );
}
