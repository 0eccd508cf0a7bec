import { LoaderCircle } from "lucide-react";
import type { ComponentProps } from "react";
import { cn } from "./cn";

const SHAPE =
  "inline-flex shrink-0 items-center justify-center gap-1.5 rounded-md font-medium whitespace-nowrap select-none transition-colors disabled:opacity-50 aria-disabled:opacity-50";

const KINDS = {
  primary: "bg-accent text-on-accent hover:bg-accent-hover",
  plain: "border border-line-strong bg-surface text-fg hover:bg-hover",
  ghost: "text-fg-2 hover:bg-hover hover:text-fg",
  danger: "border border-bad/40 bg-bad-soft text-bad hover:border-bad",
};

const SIZES = {
  small: "h-8 px-2.5 text-sm pointer-coarse:h-11 pointer-coarse:px-3.5",
  wide: "h-9 w-full px-4 text-base pointer-coarse:h-11",
  icon: "size-8 pointer-coarse:size-11",
};

type Look = { kind?: keyof typeof KINDS; size?: keyof typeof SIZES };

/** The classes of a button, for a link that looks like one. */
export function buttonClass({ kind = "plain", size = "small" }: Look = {}) {
  return cn(SHAPE, KINDS[kind], SIZES[size]);
}

/** `busy` shows that it works and takes no second press. */
export function Button({
  kind,
  size,
  busy = false,
  className,
  children,
  disabled,
  ...rest
}: ComponentProps<"button"> & Look & { busy?: boolean }) {
  return (
    <button
      type="button"
      {...rest}
      disabled={disabled || busy}
      aria-busy={busy || undefined}
      className={cn(buttonClass({ kind, size }), className)}
    >
      {busy ? <LoaderCircle size={15} aria-hidden className="animate-spin" /> : null}
      {children}
    </button>
  );
}

/** A press without the looks of a button, for a heading that sorts or a row that is chosen. */
export function BareButton({ className, ...rest }: ComponentProps<"button">) {
  return <button type="button" {...rest} className={cn("text-left", className)} />;
}
