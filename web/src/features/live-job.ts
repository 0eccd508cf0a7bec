import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useConnection, useTopic } from "@/api/live";

type Progress = { fraction: number; note: string };
const POLL_MS = 3000;

/** How often to ask while something goes on: hardly where news come by themselves. */
export function usePollMs(): number {
  return useConnection() === "live" ? 10_000 : POLL_MS;
}

/** Follows a job: how far it is, and `onChange` whenever its state has changed or it has begun something else. */
export function useLiveJob(jobId: string | null, onChange: () => void): Progress | null {
  const [progress, setProgress] = useState<Progress | null>(null);
  useTopic(
    jobId ? `job/${jobId}` : null,
    (news) => {
      if (!isProgress(news.progress)) return onChange();
      if (news.progress.note !== progress?.note) onChange();
      setProgress(news.progress);
    },
    onChange,
  );
  return jobId ? progress : null;
}

/** Reads lists anew when a job of the organisation changes its state. */
export function useJobsNews(path: string) {
  const queries = useQueryClient();
  const anew = () => void queries.invalidateQueries({ queryKey: ["get", path] });
  useTopic("jobs", anew, anew);
}

function isProgress(value: unknown): value is Progress {
  return typeof value === "object" && value !== null && "fraction" in value && "note" in value;
}
