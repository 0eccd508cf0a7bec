import { Eye, GraduationCap, Users } from "lucide-react";
import { useTranslation } from "react-i18next";
import { client, queryClient } from "@/api/client";
import { saidBy } from "@/api/problem";
import { Choices } from "@/ui/choices";
import { toast } from "@/ui/toast";
import { type Me, meQuery, useMe } from "./me";

export type Purpose = NonNullable<Me["purpose"]>;
const ICONS = { team: Users, course: GraduationCap, looking: Eye } as const;
const PURPOSES = ["team", "course", "looking"] as const satisfies Purpose[];

/** Asks what somebody uses the hub for; shown as answered at once, taken back when the hub refuses. */
export function PurposeChoices({ large = false }: { large?: boolean }) {
  const { t } = useTranslation();
  const me = useMe();
  const choose = async (purpose: Purpose) => {
    const before = queryClient.getQueryData(meQuery.queryKey);
    queryClient.setQueryData(meQuery.queryKey, { ...me, purpose });
    try {
      const { data } = await client.PATCH("/api/v1/me", { body: { purpose } });
      if (data) queryClient.setQueryData(meQuery.queryKey, data);
    } catch (error) {
      queryClient.setQueryData(meQuery.queryKey, before);
      toast(`${t("purpose.failed")}: ${saidBy(error)}`, { tone: "bad" });
    }
  };
  return (
    <Choices
      large={large}
      label={t(large ? "purpose.question" : "purpose.label")}
      {...(large ? { hint: t("purpose.hint") } : {})}
      value={me.purpose}
      onChange={(purpose) => void choose(purpose)}
      choices={PURPOSES.map((value) => ({
        value,
        label: t(`purpose.choice.${value}`),
        text: t(`purpose.choice.${value}Text`),
        icon: ICONS[value],
      }))}
    />
  );
}
