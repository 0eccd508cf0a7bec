type Bar = { name: string; value: number; text: string };

/** Horizontal bars with their names: a list that also is a picture, readable as text. */
export function Bars({ label, bars }: { label: string; bars: Bar[] }) {
  const widest = Math.max(1e-12, ...bars.map((bar) => Math.abs(bar.value)));
  return (
    <ul aria-label={label} className="space-y-1.5">
      {bars.map((bar) => (
        <li key={bar.name} className="grid grid-cols-[minmax(4rem,2fr)_3fr_4.5rem] items-center gap-3 text-sm">
          <span className="truncate" title={bar.name}>
            {bar.name}
          </span>
          <span className="h-2 overflow-hidden rounded-full bg-hover" aria-hidden>
            <span
              className="block h-full rounded-full bg-(--c1)"
              style={{ width: `${(100 * Math.max(0, bar.value)) / widest}%` }}
            />
          </span>
          <span className="num min-w-14 text-right text-fg-2">{bar.text}</span>
        </li>
      ))}
    </ul>
  );
}
