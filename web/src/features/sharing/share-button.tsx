import { Share2 } from "lucide-react";
import { lazy, Suspense, useState } from "react";
import { useTranslation } from "react-i18next";
import { useMe } from "@/shell/me";
import { Button } from "@/ui/button";
import type { ObjectKind } from "./object-link";

const ShareDialog = lazy(() => import("./share-dialog"));

/** Shares one object with people and groups, for whoever may; `organisation` is whose it is, where that is known. */
export function ShareButton(props: { kind: ObjectKind; address: string; organisation?: string }) {
  const { kind, address, organisation } = props;
  const { t } = useTranslation();
  const me = useMe();
  const [open, setOpen] = useState(false);
  if (!me.powers.includes("grants:manage") || (organisation !== undefined && organisation !== me.organisation)) {
    return null;
  }
  return (
    <>
      <Button onClick={() => setOpen(true)}>
        <Share2 size={15} aria-hidden />
        {t("sharing.share")}
      </Button>
      {open ? (
        <Suspense fallback={null}>
          <ShareDialog kind={kind} address={address} onClose={() => setOpen(false)} />
        </Suspense>
      ) : null}
    </>
  );
}
