import { CircleCheck, CircleSlash, CircleX, Clock, LoaderCircle, type LucideIcon } from "lucide-react";
import { useTranslation } from "react-i18next";
import { Badge, type Tone } from "@/ui/badge";

type Words =
  | "waiting"
  | "running"
  | "done"
  | "failed"
  | "errored"
  | "cancelled"
  | "accepted"
  | "rejected"
  | "skipped"
  | "passed"
  | "dead";

const WAITING = { tone: "neutral", icon: Clock, words: "waiting" } as const;
const RUNNING = { tone: "accent", icon: LoaderCircle, words: "running" } as const;
const DONE = { tone: "ok", icon: CircleCheck, words: "done" } as const;

const LOOKS: Record<string, { tone: Tone; icon: LucideIcon; words: Words }> = {
  waiting: WAITING,
  scheduled: WAITING,
  ready: WAITING,
  queued: WAITING,
  pending: RUNNING,
  running: RUNNING,
  finished: DONE,
  done: DONE,
  accepted: { tone: "ok", icon: CircleCheck, words: "accepted" },
  passed: { tone: "ok", icon: CircleCheck, words: "passed" },
  failed: { tone: "bad", icon: CircleX, words: "failed" },
  errored: { tone: "bad", icon: CircleX, words: "errored" },
  dead: { tone: "bad", icon: CircleX, words: "dead" },
  rejected: { tone: "bad", icon: CircleX, words: "rejected" },
  skipped: { tone: "neutral", icon: CircleSlash, words: "skipped" },
  cancelled: { tone: "neutral", icon: CircleSlash, words: "cancelled" },
};

/** A state in words, a shape and a colour. */
export function StateBadge({ state }: { state: string }) {
  const { t } = useTranslation();
  const look = LOOKS[state];
  if (!look) return <Badge>{state}</Badge>;
  const Icon = look.icon;
  return (
    <Badge tone={look.tone}>
      <Icon size={12} aria-hidden className={Icon === LoaderCircle ? "animate-spin" : ""} />
      {t(`state.${look.words}`)}
    </Badge>
  );
}

/** Whether nothing more will happen to a job, run or version in this state. */
export const isOver = (state: string) => LOOKS[state] !== WAITING && LOOKS[state] !== RUNNING;
