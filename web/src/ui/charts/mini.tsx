// no d3 here: these stand on the first screens

/** A histogram the size of a column's head. */
export function MiniHistogram({ counts, label }: { counts: number[]; label: string }) {
  const most = Math.max(...counts, 1);
  const width = 96 / Math.max(1, counts.length);
  return (
    <svg viewBox="0 0 96 26" preserveAspectRatio="none" className="h-6.5 w-full" role="img" aria-label={label}>
      {counts.map((one, index) => (
        <rect
          key={index}
          x={index * width + 0.4}
          width={Math.max(0.8, width - 0.8)}
          y={26 - (25 * one) / most}
          height={(25 * one) / most}
          fill="var(--c1)"
          opacity={0.75}
        />
      ))}
    </svg>
  );
}
