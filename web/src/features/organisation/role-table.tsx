import { useQuery } from "@tanstack/react-query";
import { Check, Minus } from "lucide-react";
import { useTranslation } from "react-i18next";
import { api } from "@/api/client";
import { Card } from "@/ui/card";
import { Failed } from "@/ui/failed";
import { Skeleton } from "@/ui/skeleton";
import { Cell, HeadCell, Table } from "@/ui/table";
import { type Power, usePowerName } from "./powers";
import { ROLES } from "./roles";

/** What each role may do, as the hub itself decides it. */
export default function RoleTable() {
  const { t } = useTranslation();
  const nameOf = usePowerName();
  const query = useQuery({ ...api.queryOptions("get", "/api/v1/roles"), staleTime: Number.POSITIVE_INFINITY });
  if (query.error) return <Failed error={query.error} retry={() => void query.refetch()} />;
  const powersOf = new Map(query.data?.items.map((one) => [one.role, new Set<Power>(one.powers)]));
  const powers = query.data?.items.find((one) => one.role === "owner")?.powers;
  return (
    <>
      <p className="mb-4 max-w-[68ch] text-fg-2">{t("organisation.rolesText")}</p>
      <Card flush>
        {powers ? (
          <Table label={t("organisation.tab.roles")}>
            <thead>
              <tr>
                <HeadCell className="pl-4">{t("organisation.mayDo")}</HeadCell>
                {ROLES.map((role) => (
                  <HeadCell key={role} className="text-center max-sm:px-1 max-sm:text-2xs">
                    {t(`role.${role}`)}
                  </HeadCell>
                ))}
              </tr>
            </thead>
            <tbody>
              {powers.map((power) => (
                <tr key={power} className="last:*:border-b-0">
                  <Cell className="pl-4">
                    {nameOf(power)} <span className="mono text-xs text-fg-3 max-sm:hidden">{power}</span>
                  </Cell>
                  {ROLES.map((role) => (
                    <Cell key={role} className="text-center max-sm:px-1">
                      {powersOf.get(role)?.has(power) ? (
                        <Check size={16} role="img" aria-label={t("organisation.may")} className="mx-auto text-ok" />
                      ) : (
                        <Minus
                          size={16}
                          role="img"
                          aria-label={t("organisation.mayNot")}
                          className="mx-auto text-fg-3"
                        />
                      )}
                    </Cell>
                  ))}
                </tr>
              ))}
            </tbody>
          </Table>
        ) : (
          <Skeleton className="m-4 h-[34rem]" />
        )}
      </Card>
    </>
  );
}
