import type { LucideIcon } from "lucide-react";
import { DropdownMenu } from "radix-ui";
import type { ReactNode } from "react";
import { cn } from "./cn";

const ITEM =
  "flex min-h-8 cursor-pointer items-center gap-2 rounded-md px-2 py-1 text-sm outline-none select-none data-highlighted:bg-hover pointer-coarse:min-h-11";

/** `open` has it open when it first appears. */
export function Menu({ trigger, children, open = false }: { trigger: ReactNode; children: ReactNode; open?: boolean }) {
  return (
    <DropdownMenu.Root defaultOpen={open}>
      <DropdownMenu.Trigger asChild>{trigger}</DropdownMenu.Trigger>
      <DropdownMenu.Portal>
        <DropdownMenu.Content
          align="end"
          sideOffset={6}
          collisionPadding={8}
          className="appear z-40 max-w-[calc(100vw-1rem)] min-w-52 rounded-lg border border-line bg-surface p-1 shadow-lg"
        >
          {children}
        </DropdownMenu.Content>
      </DropdownMenu.Portal>
    </DropdownMenu.Root>
  );
}

type ItemProps = { icon?: LucideIcon; children: ReactNode; onSelect: () => void; danger?: boolean };

export function MenuItem({ icon: Icon, children, onSelect, danger = false }: ItemProps) {
  return (
    <DropdownMenu.Item onSelect={onSelect} className={cn(ITEM, danger && "text-bad")}>
      {Icon ? <Icon size={15} aria-hidden className="text-fg-3" /> : null}
      {children}
    </DropdownMenu.Item>
  );
}

type ChoiceProps = {
  label: string;
  value: string;
  options: { value: string; label: string }[];
  onChange: (value: string) => void;
};

/** One of several, such as the theme, with the chosen one marked. */
export function MenuChoice({ label, value, options, onChange }: ChoiceProps) {
  return (
    <DropdownMenu.RadioGroup value={value} onValueChange={onChange} aria-label={label} className="px-2 py-1.5">
      <div className="mb-1 text-xs text-fg-3">{label}</div>
      <div className="flex gap-0.5 rounded-md bg-sunken p-0.5">
        {options.map((option) => (
          <DropdownMenu.RadioItem
            key={option.value}
            value={option.value}
            onSelect={(event) => event.preventDefault()}
            className="flex h-7 flex-1 cursor-pointer items-center justify-center rounded-sm px-2 text-sm text-fg-2 outline-none data-highlighted:bg-hover data-[state=checked]:bg-surface data-[state=checked]:font-medium data-[state=checked]:text-fg data-[state=checked]:shadow-sm pointer-coarse:h-10"
          >
            {option.label}
          </DropdownMenu.RadioItem>
        ))}
      </div>
    </DropdownMenu.RadioGroup>
  );
}

export function MenuLabel({ children }: { children: ReactNode }) {
  return <DropdownMenu.Label className="px-2 py-1.5 text-sm">{children}</DropdownMenu.Label>;
}

export function MenuLine() {
  return <DropdownMenu.Separator className="my-1 h-px bg-line" />;
}
