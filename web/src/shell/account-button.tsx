import type { ComponentProps } from "react";
import { useTranslation } from "react-i18next";
import { Button } from "@/ui/button";
import { initialsOf } from "./me";

export function AccountButton({ name, ...rest }: ComponentProps<"button"> & { name: string }) {
  const { t } = useTranslation();
  return (
    <Button kind="ghost" size="icon" aria-haspopup="menu" {...rest} aria-label={t("account.menu", { name })}>
      <span className="grid size-7 place-items-center rounded-full bg-accent-soft text-xs font-semibold text-accent-text">
        {initialsOf(name)}
      </span>
    </Button>
  );
}
