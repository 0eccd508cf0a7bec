import { useQuery } from "@tanstack/react-query";
import { UserRound } from "lucide-react";
import { api } from "@/api/client";
import { useTyped } from "@/features/cursor";
import type { Choice } from "@/ui/combobox";

const OFFERED_MAX = 8;

/** Members in whose name or address the words occur, to choose from. */
export function useMemberChoices(org: string, words: string) {
  const named = useTyped(words);
  const query = useQuery(
    api.queryOptions("get", "/api/v1/organisations/{org}/members", {
      params: { path: { org }, query: { limit: OFFERED_MAX, ...(named ? { named } : {}) } },
    }),
  );
  const members = query.data?.items ?? [];
  const choices: Choice[] = members.map((one) => ({
    id: one.user_id,
    label: one.display_name || one.email || "?",
    detail: one.email ?? "",
    icon: UserRound,
  }));
  return { members, choices };
}
