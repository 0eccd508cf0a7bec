import { Link } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { buttonClass } from "@/ui/button";

export function ToSignIn() {
  const { t } = useTranslation();
  return (
    <Link to="/sign-in" search={{}} className={buttonClass({ size: "wide" })}>
      {t("account.toSignIn")}
    </Link>
  );
}
