import { lazy, Suspense, useState } from "react";
import { AccountButton } from "./account-button";
import { useMe } from "./me";

const load = () => import("./account-menu");
const AccountMenu = lazy(load);

export function Account() {
  const me = useMe();
  const [wanted, setWanted] = useState(false);
  const name = me.display_name || me.email || me.organisation || "?";
  const button = (
    <AccountButton
      name={name}
      aria-expanded={false}
      onPointerEnter={() => void load()}
      onFocus={() => void load()}
      onClick={() => setWanted(true)}
    />
  );
  if (!wanted) return button;
  return (
    <Suspense fallback={button}>
      <AccountMenu />
    </Suspense>
  );
}
