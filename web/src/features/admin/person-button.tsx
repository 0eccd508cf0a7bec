import { EllipsisVertical } from "lucide-react";
import type { ComponentProps } from "react";
import { useTranslation } from "react-i18next";
import { Button } from "@/ui/button";

export function PersonButton({ name, ...rest }: ComponentProps<"button"> & { name: string }) {
  const { t } = useTranslation();
  return (
    <Button kind="ghost" size="icon" aria-haspopup="menu" {...rest} aria-label={t("admin.actionsOf", { name })}>
      <EllipsisVertical size={16} aria-hidden />
    </Button>
  );
}
