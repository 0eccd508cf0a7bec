import { Download } from "lucide-react";
import { useTranslation } from "react-i18next";
import { hubAddress } from "@/api/root";
import { Button } from "@/ui/button";
import { CopyButton } from "@/ui/code";
import { Note } from "@/ui/note";

/** Codes for when everything else is lost, shown this once: to copy, to keep as a file, to go on. */
export function RecoveryCodes({ codes, onDone }: { codes: string[]; onDone: () => void }) {
  const { t } = useTranslation();
  const text = `${codes.join("\n")}\n`;
  const download = () => {
    const url = URL.createObjectURL(new Blob([`Lyceum, ${hubAddress()}\n\n${text}`], { type: "text/plain" }));
    const link = Object.assign(document.createElement("a"), { href: url, download: "lyceum-recovery-codes.txt" });
    link.click();
    URL.revokeObjectURL(url);
  };
  return (
    <div className="space-y-3">
      <Note tone="warn">{t("recovery.once")}</Note>
      <ul aria-label={t("recovery.title")} className="mono rounded-md border border-line bg-sunken p-3 leading-6">
        {codes.map((code) => (
          <li key={code} className="break-all">
            {code}
          </li>
        ))}
      </ul>
      <div className="flex flex-wrap items-center gap-2">
        <Button onClick={download}>
          <Download size={15} aria-hidden />
          {t("recovery.download")}
        </Button>
        <CopyButton text={text} />
        <Button kind="primary" className="ml-auto" onClick={onDone}>
          {t("recovery.kept")}
        </Button>
      </div>
    </div>
  );
}
