import { useQuery } from "@tanstack/react-query";
import { UserRound } from "lucide-react";
import { api } from "@/api/client";
import { useSettled } from "@/features/settled";
import type { Choice } from "@/ui/combobox";

const OFFERED_MAX = 8;

/** Members in whose name or address the words occur, to choose from. */
export function useMemberChoices(org: string, words: string) {
  const named = useSettled(words);
  const query = useQuery(
    api.queryOptions("get", "/api/v1/organisations/{org}/members", {
      params: { path: { org }, query: { limit: OFFERED_MAX, ...(named ? { named } : {}) } },
    }),
  );
  const typed = words.trim().toLowerCase();
  const found = query.data?.items ?? [];
  // until the hub was asked for these words, only those of the ones before whom they fit: Enter takes the first
  const members =
    named.toLowerCase() === typed
      ? found
      : found.filter((one) => `${one.display_name} ${one.email ?? ""}`.toLowerCase().includes(typed));
  const choices: Choice[] = members.map((one) => ({
    id: one.user_id,
    label: one.display_name || one.email || "?",
    detail: one.email ?? "",
    icon: UserRound,
  }));
  return { members, choices };
}
