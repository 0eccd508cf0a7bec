import { Check, Copy } from "lucide-react";
import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { Button } from "./button";

/** Text to take away: code, a link, a secret that is shown once. */
export function Code({ children, label }: { children: string; label: string }) {
  return (
    <div className="relative rounded-md border border-line bg-sunken">
      <pre tabIndex={0} aria-label={label} className="mono mr-11 overflow-x-auto p-3 leading-6 whitespace-pre">
        {children}
      </pre>
      <CopyButton text={children} className="absolute top-1 right-1 bg-sunken" />
    </div>
  );
}

export function CopyButton({ text, className }: { text: string; className?: string }) {
  const { t } = useTranslation();
  const [copied, setCopied] = useState(false);
  useEffect(() => {
    if (!copied) return;
    const timer = setTimeout(setCopied, 2000, false);
    return () => clearTimeout(timer);
  }, [copied]);
  const copy = () => void navigator.clipboard.writeText(text).then(() => setCopied(true));
  return (
    <Button
      kind="ghost"
      size="icon"
      className={className}
      onClick={copy}
      aria-label={t(copied ? "action.copied" : "action.copy")}
    >
      {copied ? <Check size={15} aria-hidden className="text-ok" /> : <Copy size={15} aria-hidden />}
    </Button>
  );
}
