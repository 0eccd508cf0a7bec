import { useTranslation } from "react-i18next";
import { useConnection, useTopic } from "@/api/live";

/** Whether news come as they happen; a word only when they do not. */
export function ConnectionState() {
  const { t } = useTranslation();
  const state = useConnection();
  // keeps the socket open on every page
  useTopic(
    "jobs",
    () => undefined,
    () => undefined,
  );
  // its place is kept while it has nothing to say, so that nothing beside it moves
  if (state === "off" || state === "connecting") return <span className="size-6" />;
  const tone = { live: "bg-ok", late: "bg-warn", lost: "bg-bad" }[state];
  return (
    <span
      role="status"
      title={t(`connection.${state}Text`)}
      className="flex h-8 items-center gap-1.5 rounded-md px-2 text-xs text-fg-2"
    >
      <span aria-hidden className={`size-2 rounded-full ${tone}`} />
      <span className={state === "live" ? "sr-only" : "max-md:sr-only"}>{t(`connection.${state}`)}</span>
    </span>
  );
}
