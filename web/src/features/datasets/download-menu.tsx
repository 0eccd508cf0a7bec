import { Download, FileSpreadsheet, FileText, Table2, Zap } from "lucide-react";
import { useTranslation } from "react-i18next";
import { saidBy } from "@/api/problem";
import { download } from "@/features/download";
import { Button } from "@/ui/button";
import { Menu, MenuItem, MenuLabel, MenuLine } from "@/ui/menu";
import { toast } from "@/ui/toast";

type Props = { org: string; name: string; version: number };
const FORMS = [
  { as: "csv", icon: FileText, asked: { format: "csv" } },
  // a spreadsheet would carry out texts that begin as formulas do
  { as: "sheet", icon: FileSpreadsheet, asked: { format: "csv", escape_formulas: "true" } },
  { as: "parquet", icon: Table2, asked: { format: "parquet" } },
  { as: "arrow", icon: Zap, asked: { format: "arrow" } },
] as const;

/** All rows of a version as a file; what marked columns hold stays masked. */
export function DownloadMenu({ org, name, version }: Props) {
  const { t } = useTranslation();
  const path = [org, name, "versions", version, "rows"].map(encodeURIComponent).join("/");
  const fetchAs = (asked: Record<string, string>) =>
    download(`api/v1/datasets/${path}`, asked).catch((error) => toast(saidBy(error), { tone: "bad" }));
  return (
    <Menu
      trigger={
        <Button>
          <Download size={15} aria-hidden />
          {t("download.action")}
        </Button>
      }
    >
      <MenuLabel>
        <span className="block max-w-60 text-xs text-fg-2">{t("download.text")}</span>
      </MenuLabel>
      <MenuLine />
      {FORMS.map(({ as, icon, asked }) => (
        <MenuItem key={as} icon={icon} onSelect={() => void fetchAs(asked)}>
          {t(`download.as.${as}`)}
        </MenuItem>
      ))}
    </Menu>
  );
}
