import { cn } from "./cn";

/** Stands where something will be, in its final size. */
export function Skeleton({ className }: { className?: string }) {
  return <div aria-hidden className={cn("skel", className)} />;
}

export function SkeletonRows({ rows = 6, className = "h-14" }: { rows?: number; className?: string }) {
  return (
    <div aria-hidden className="divide-y divide-line">
      {Array.from({ length: rows }, (_, row) => (
        <div key={row} className={cn("flex flex-col justify-center gap-2 px-4", className)}>
          <Skeleton className="h-3.5 w-2/5 max-w-60" />
          <Skeleton className="h-3 w-3/5 max-w-96" />
        </div>
      ))}
    </div>
  );
}
