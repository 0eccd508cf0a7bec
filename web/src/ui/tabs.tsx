import { Tabs as Radix } from "radix-ui";
import { type ReactNode, useEffect, useRef } from "react";

type Tab = { value: string; label: ReactNode };

/** The chosen tab lives in the address, so the page gives it and hears of the next. */
export function Tabs(props: {
  value: string;
  onChange: (value: string) => void;
  tabs: Tab[];
  label: string;
  children: ReactNode;
}) {
  const { value, onChange, tabs, label, children } = props;
  const list = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const chosen = list.current?.querySelector<HTMLElement>(`[data-state="active"]`);
    // on a phone the chosen one may stand beyond the edge
    if (!list.current || !chosen || !value) return;
    const [row, one] = [list.current.getBoundingClientRect(), chosen.getBoundingClientRect()];
    list.current.scrollLeft += one.left + one.width / 2 - row.left - row.width / 2;
  }, [value]);
  return (
    <Radix.Root value={value} onValueChange={onChange} activationMode="manual">
      <Radix.List ref={list} aria-label={label} className="mb-4 flex gap-5 overflow-x-auto border-b border-line">
        {tabs.map((tab) => (
          <Radix.Trigger
            key={tab.value}
            value={tab.value}
            className="flex h-10 shrink-0 items-center gap-1.5 border-b-2 border-transparent px-1 text-base text-fg-2 hover:text-fg focus-visible:-outline-offset-2 data-[state=active]:border-accent data-[state=active]:font-medium data-[state=active]:text-fg pointer-coarse:h-11"
          >
            {tab.label}
          </Radix.Trigger>
        ))}
      </Radix.List>
      {children}
    </Radix.Root>
  );
}

export function TabPanel({ value, children }: { value: string; children: ReactNode }) {
  return (
    <Radix.Content value={value} className="outline-none">
      {children}
    </Radix.Content>
  );
}
