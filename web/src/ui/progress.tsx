import { cn } from "./cn";

/** A share from 0 to 1; null runs past while nobody knows. */
export function Progress({ fraction, label }: { fraction: number | null; label: string }) {
  const percent = fraction === null ? undefined : Math.round(fraction * 100);
  return (
    <div
      role="progressbar"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={percent}
      className="h-1.5 overflow-hidden rounded-full bg-hover"
    >
      <div
        className={cn("h-full rounded-full bg-accent", percent === undefined ? "run-past w-1/4" : "transition-[width]")}
        style={percent === undefined ? undefined : { width: `${percent}%` }}
      />
    </div>
  );
}
