import { useTranslation } from "react-i18next";
import type { Api } from "@/api/client";

export type Role = Api["OrganisationMember"]["role"];
export const ROLES: readonly Role[] = ["owner", "maintainer", "reviewer", "viewer"];
/** What can be granted of one object: nobody is granted to own it. */
export const GRANTED_ROLES = ["viewer", "reviewer", "maintainer"] as const;

export const roleOf = (word: string): Role => ROLES.find((one) => one === word) ?? "viewer";

/** The roles as a list to choose from. */
export function useRoleOptions(roles: readonly Role[]) {
  const { t } = useTranslation();
  return roles.map((value) => ({ value, label: t(`role.${value}`) }));
}
