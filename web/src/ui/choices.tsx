import type { LucideIcon } from "lucide-react";
import { useId } from "react";
import { cn } from "./cn";

type Choice<V extends string> = { value: V; label: string; text: string; icon: LucideIcon };
type Props<V extends string> = {
  label: string;
  hint?: string;
  value: V | null;
  onChange: (value: V) => void;
  choices: Choice<V>[];
  /** The label as a heading of its own, where the question stands alone. */
  large?: boolean;
};

/** One question with a few answers, each with a line that says what it means. */
export function Choices<V extends string>({ label, hint, value, onChange, choices, large = false }: Props<V>) {
  const id = useId();
  return (
    <fieldset aria-describedby={hint ? `${id}-hint` : undefined}>
      <legend className={large ? "text-lg font-semibold" : "text-sm font-medium"}>{label}</legend>
      {hint ? (
        <p id={`${id}-hint`} className="mt-0.5 text-sm text-fg-2">
          {hint}
        </p>
      ) : null}
      <div className="mt-3 grid gap-2 sm:grid-cols-3">
        {choices.map(({ value: one, label: name, text, icon: Icon }) => (
          <label
            key={one}
            className={cn(
              "flex cursor-pointer items-start gap-3 rounded-md border p-3 has-focus-visible:outline-2 has-focus-visible:outline-offset-2 has-focus-visible:outline-accent",
              one === value ? "border-accent bg-accent-soft" : "border-line-strong bg-surface hover:bg-hover",
            )}
          >
            <input
              type="radio"
              name={id}
              value={one}
              checked={one === value}
              onChange={() => onChange(one)}
              className="sr-only"
            />
            <Icon
              size={18}
              aria-hidden
              className={cn("mt-0.5 shrink-0", one === value ? "text-accent-text" : "text-fg-3")}
            />
            <span className="min-w-0">
              <span className="block font-medium">{name}</span>
              <span className="block text-sm text-fg-2">{text}</span>
            </span>
          </label>
        ))}
      </div>
    </fieldset>
  );
}
