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
  // as wide as the sign that comes in its place
  if (state === "off" || state === "connecting") return <span aria-hidden className="h-8 w-6" />;
  const tone = { live: "bg-ok", late: "bg-warn", lost: "bg-bad" }[state];
  return (
    <span
      role="status"
      title={t(`connection.${state}Text`)}
      className="flex h-8 items-center gap-1.5 rounded-md px-2 text-xs text-fg-2"
    >
      <span aria-hidden className={`size-2 rounded-full ${tone}`} />
      <span className={state === "live" ? "sr-only" : ""}>{t(`connection.${state}`)}</span>
    </span>
  );
}
