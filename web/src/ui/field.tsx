import { type ComponentProps, type ReactNode, useId } from "react";
import { cn } from "./cn";

export const CONTROL =
  "w-full min-w-0 rounded-md border border-line-strong bg-surface px-2.5 text-base text-fg placeholder:text-fg-3 focus-visible:outline-offset-0 disabled:opacity-60 aria-invalid:border-bad";

type Labelled = { label: string; hint?: ReactNode; problem?: string | undefined };
type Wired = { id: string; "aria-describedby": string | undefined; "aria-invalid": true | undefined };

/** A control with its name, a hint, and what is wrong with what was given. */
export function Field({ label, hint, problem, children }: Labelled & { children: (wired: Wired) => ReactNode }) {
  const id = useId();
  const described = [hint ? `${id}-hint` : "", problem ? `${id}-problem` : ""].filter(Boolean).join(" ");
  return (
    <div className="min-w-0 space-y-1">
      <label htmlFor={id} className="block text-sm font-medium">
        {label}
      </label>
      {children({ id, "aria-describedby": described || undefined, "aria-invalid": problem ? true : undefined })}
      {hint ? (
        <p id={`${id}-hint`} className="text-xs text-fg-3">
          {hint}
        </p>
      ) : null}
      {problem ? (
        <p id={`${id}-problem`} role="alert" className="text-xs text-bad">
          {problem}
        </p>
      ) : null}
    </div>
  );
}

export function TextField({ label, hint, problem, className, ...rest }: Labelled & ComponentProps<"input">) {
  return (
    <Field label={label} hint={hint} problem={problem}>
      {(wired) => <input {...rest} {...wired} className={cn(CONTROL, "h-8 pointer-coarse:h-11", className)} />}
    </Field>
  );
}

export function TextArea({ label, hint, problem, className, ...rest }: Labelled & ComponentProps<"textarea">) {
  return (
    <Field label={label} hint={hint} problem={problem}>
      {(wired) => <textarea rows={3} {...rest} {...wired} className={cn(CONTROL, "py-1.5", className)} />}
    </Field>
  );
}
