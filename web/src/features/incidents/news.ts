import { useEffect, useRef } from "react";
import { queryClient } from "@/api/client";
import { useTopic } from "@/api/live";
import { INCIDENTS_KEY } from "./acting";

const GATHER_MS = 300;

/** Reads incidents anew when something becomes of one, once for many at a time. */
export function useIncidentNews() {
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  const anew = () => {
    clearTimeout(timer.current);
    timer.current = setTimeout(() => void queryClient.invalidateQueries({ queryKey: INCIDENTS_KEY }), GATHER_MS);
  };
  useEffect(() => () => clearTimeout(timer.current), []);
  useTopic("incidents", anew, anew);
}
