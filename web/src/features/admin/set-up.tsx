import { lazy, Suspense } from "react";
import { loadWords } from "@/i18n/parts";
import { useMe } from "@/shell/me";

const SetUpCard = lazy(async () => {
  const [card] = await Promise.all([import("./set-up-card"), loadWords("admin")]);
  return card;
});

/** What is not set up yet, for whoever runs the hub; nobody else loads it. */
export function SetUp() {
  if (!useMe().operates_hub) return null;
  return (
    <Suspense fallback={null}>
      <SetUpCard />
    </Suspense>
  );
}
