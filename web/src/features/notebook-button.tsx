import { NotebookPen } from "lucide-react";
import { useTranslation } from "react-i18next";
import { Button } from "@/ui/button";
import { downloadNotebook } from "./notebook";

export function NotebookButton({ name, notebook }: { name: string; notebook: () => object }) {
  const { t } = useTranslation();
  return (
    <Button onClick={() => downloadNotebook(name, notebook())}>
      <NotebookPen size={15} aria-hidden />
      {t("action.notebook")}
    </Button>
  );
}
