import { type ErrorComponentProps, Link, useRouter } from "@tanstack/react-router";
import { Compass } from "lucide-react";
import { useTranslation } from "react-i18next";
import { buttonClass } from "@/ui/button";
import { Empty } from "@/ui/empty";
import { Failed } from "@/ui/failed";

/** A page that could not be shown: the rest of the app stays usable. */
export function BrokenPage({ error, reset }: ErrorComponentProps) {
  const router = useRouter();
  return (
    <div className="p-4">
      <Failed
        error={error}
        retry={() => {
          reset();
          void router.invalidate();
        }}
      />
    </div>
  );
}

export function MissingPage() {
  const { t } = useTranslation();
  return (
    <Empty
      icon={Compass}
      title={t("missing.title")}
      action={
        <Link to="/" className={buttonClass()}>
          {t("missing.home")}
        </Link>
      }
    >
      {t("missing.text")}
    </Empty>
  );
}
