import { ChevronDown } from "lucide-react";
import type { ComponentProps } from "react";
import { cn } from "./cn";
import { CONTROL, Field } from "./field";

type Option = { value: string; label: string };

/** The system's own list: it is the best one on a phone, and needs no style of its own inside the page. */
export function Select({ options, className, ...rest }: ComponentProps<"select"> & { options: Option[] }) {
  return (
    <span className={cn("relative inline-block min-w-0", className)}>
      <select {...rest} className={cn(CONTROL, "h-8 appearance-none pr-8 pointer-coarse:h-11")}>
        {options.map((option) => (
          <option key={option.value} value={option.value}>
            {option.label}
          </option>
        ))}
      </select>
      <ChevronDown
        size={14}
        aria-hidden
        className="pointer-events-none absolute inset-y-0 right-2.5 my-auto text-fg-3"
      />
    </span>
  );
}

type Props = ComponentProps<"select"> & { options: Option[]; label: string; hint?: string; problem?: string };

export function SelectField({ label, hint, problem, ...rest }: Props) {
  return (
    <Field label={label} hint={hint} problem={problem}>
      {(wired) => <Select {...rest} {...wired} className="w-full" />}
    </Field>
  );
}
