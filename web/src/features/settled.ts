import { useEffect, useState } from "react";

const PAUSE_MS = 200;

/** What was typed, without spaces around it, once nothing more comes for a moment. */
export function useSettled(typed: string): string {
  const [settled, setSettled] = useState(typed.trim());
  useEffect(() => {
    const timer = setTimeout(setSettled, PAUSE_MS, typed.trim());
    return () => clearTimeout(timer);
  }, [typed]);
  return settled;
}
