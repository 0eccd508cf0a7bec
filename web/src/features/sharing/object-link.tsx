import { Link } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import type { Api } from "@/api/client";

export type ObjectKind = Api["Grant"]["kind"];

/** A dataset, model or run by its address, leading to its page. */
export function ObjectLink(props: { kind: ObjectKind; address: string; title?: string | null }) {
  const { kind, address, title } = props;
  const { t } = useTranslation();
  const [org = "", name = ""] = address.split("/");
  const look = "min-w-0 truncate font-medium text-accent-text hover:underline";
  return (
    <>
      <span className="text-sm text-fg-3">{t(`finder.${kind}`)}</span>
      {kind === "run" ? (
        <Link to="/runs/$id" params={{ id: address }} className={look}>
          {title || address}
        </Link>
      ) : (
        <Link
          to={kind === "dataset" ? "/datasets/$org/$name" : "/models/$org/$name"}
          params={{ org, name }}
          className={look}
        >
          {address}
        </Link>
      )}
    </>
  );
}
