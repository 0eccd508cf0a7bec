import { FileUp } from "lucide-react";
import { type ReactNode, useId, useState } from "react";
import { cn } from "./cn";

type Props = { label: string; hint: ReactNode; accept: string; onFile: (file: File) => void; disabled?: boolean };

/** Takes one file, dropped or chosen. */
export function DropZone({ label, hint, accept, onFile, disabled = false }: Props) {
  const id = useId();
  const [over, setOver] = useState(false);
  return (
    <label
      htmlFor={id}
      onDragOver={(event) => {
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave={() => setOver(false)}
      onDrop={(event) => {
        event.preventDefault();
        setOver(false);
        const file = event.dataTransfer.files[0];
        if (file && !disabled) onFile(file);
      }}
      className={cn(
        "flex cursor-pointer flex-col items-center gap-1 rounded-lg border border-dashed px-4 py-6 text-center has-focus-visible:outline-2 has-focus-visible:outline-accent",
        over ? "border-accent bg-accent-soft" : "border-line-strong bg-sunken hover:border-accent",
        disabled && "pointer-events-none opacity-60",
      )}
    >
      <FileUp size={20} aria-hidden className="text-fg-3" />
      <span className="font-medium">{label}</span>
      <span className="text-xs text-fg-3">{hint}</span>
      <input
        id={id}
        type="file"
        accept={accept}
        disabled={disabled}
        className="sr-only"
        onChange={(event) => {
          const file = event.target.files?.[0];
          if (file) onFile(file);
          event.target.value = "";
        }}
      />
    </label>
  );
}
