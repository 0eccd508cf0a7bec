import { useEffect, useRef, useSyncExternalStore } from "react";
import { actingAs } from "./acting";
import { actingIn } from "./organisation";
import { hubPath } from "./root";
import { sessionState } from "./session";
import { renewed } from "./transport";

// One socket for the page. It follows topics, resumes after the last news it had, and says how it is.
export type Connection = "off" | "connecting" | "live" | "late" | "lost";
type Said =
  | { type: "welcome" | "late"; late: boolean }
  | { type: "following"; topic: string; position: string; missed: boolean }
  | { type: "news"; topic: string; position: string; news: Record<string, unknown> }
  | { type: "missed"; topic: string; position: string | null }
  | { type: "refused"; code: string; detail: string; topic: string | null }
  | { type: "left" | "pong" };
type Listener = { onNews: (news: Record<string, unknown>) => void; onMissed: () => void };

const NOT_SIGNED_IN = 4401;
const PING_MS = 25_000;
const SILENCE_MS_MAX = 60_000;
const PAUSE_MS = 500;
const PAUSE_MS_MAX = 15_000;

export const pauseBefore = (attempt: number, chance = Math.random()) =>
  Math.min(PAUSE_MS_MAX, PAUSE_MS * 2 ** attempt) * (0.5 + chance / 2);

export class Live {
  state: Connection = "off";
  private socket: WebSocket | null = null;
  private topics = new Map<string, { position: string | null; listeners: Set<Listener> }>();
  private watchers = new Set<() => void>();
  private attempt = 0;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private pings: ReturnType<typeof setInterval> | undefined;
  private heardAt = 0;

  watch = (watcher: () => void) => {
    this.watchers.add(watcher);
    return () => {
      this.watchers.delete(watcher);
    };
  };

  follow(topic: string, listener: Listener): () => void {
    const followed = this.topics.get(topic) ?? { position: null, listeners: new Set() };
    followed.listeners.add(listener);
    this.topics.set(topic, followed);
    if (followed.listeners.size === 1) this.say({ type: "follow", topic });
    this.open();
    return () => {
      followed.listeners.delete(listener);
      if (followed.listeners.size) return;
      this.topics.delete(topic);
      this.say({ type: "leave", topic });
    };
  }

  /** Opens the socket unless it is open, at once. */
  open = () => {
    clearTimeout(this.timer);
    // a socket is the administrator's own: while they act as somebody else pages ask every few seconds
    if (this.socket || !this.topics.size || actingAs() || document.visibilityState === "hidden") return;
    this.become("connecting");
    const address = new URL(hubPath("api/v1/ws"), location.href);
    address.protocol = location.protocol === "https:" ? "wss:" : "ws:";
    const organisation = actingIn();
    if (organisation) address.searchParams.set("organisation", organisation);
    const socket = new WebSocket(address);
    this.socket = socket;
    socket.onmessage = (event) => this.hear(JSON.parse(String(event.data)) as Said);
    socket.onclose = (event) => this.closed(event.code);
  };

  /** Closes for good: after a sign-out nothing of the session's news may come. */
  close() {
    clearTimeout(this.timer);
    clearInterval(this.pings);
    const socket = this.socket;
    this.socket = null;
    if (socket) socket.onclose = null;
    socket?.close();
    for (const followed of this.topics.values()) followed.position = null;
    this.become("off");
  }

  private hear(said: Said) {
    this.heardAt = Date.now();
    if (said.type === "welcome") {
      this.attempt = 0;
      this.pings = setInterval(this.ping, PING_MS);
      for (const topic of this.topics.keys()) this.ask(topic);
    }
    if (said.type === "welcome" || said.type === "late") this.become(said.late ? "late" : "live");
    if (said.type === "following" || said.type === "news" || said.type === "missed") {
      const followed = this.topics.get(said.topic);
      if (!followed) return;
      followed.position = said.position ?? followed.position;
      for (const listener of followed.listeners) {
        if (said.type === "news") listener.onNews(said.news);
        else if (said.type === "missed" || said.missed) listener.onMissed();
      }
      if (said.type === "missed") this.ask(said.topic);
    }
  }

  private ask(topic: string) {
    const position = this.topics.get(topic)?.position;
    this.say({ type: "follow", topic, ...(position ? { after: position } : {}) });
  }

  private ping = () => {
    if (Date.now() - this.heardAt > SILENCE_MS_MAX) this.socket?.close();
    else this.say({ type: "ping" });
  };

  private say(words: Record<string, string>) {
    if (this.socket?.readyState === 1 && (this.state === "live" || this.state === "late" || words.type === "follow")) {
      this.socket.send(JSON.stringify(words));
    }
  }

  private closed(code: number) {
    clearInterval(this.pings);
    this.socket = null;
    const pause = pauseBefore(this.attempt++);
    this.become("lost");
    this.timer = setTimeout(() => void this.reopen(code), pause);
  }

  private async reopen(code: number) {
    if (code === NOT_SIGNED_IN && !(await renewed().catch(() => true)) && sessionState() !== "signed_in") {
      this.become("off");
      return;
    }
    this.open();
  }

  private become(state: Connection) {
    if (this.state === state) return;
    this.state = state;
    for (const watcher of this.watchers) watcher();
  }
}

export const live = new Live();
addEventListener("online", live.open);
document.addEventListener("visibilitychange", live.open);

export const useConnection = () => useSyncExternalStore(live.watch, () => live.state);

/** Hears a topic's news while the component is there; `onMissed` means: read anew. */
export function useTopic(topic: string | null, onNews: Listener["onNews"], onMissed: () => void) {
  const handlers = useRef({ onNews, onMissed });
  useEffect(() => {
    handlers.current = { onNews, onMissed };
  });
  useEffect(() => {
    if (!topic) return;
    return live.follow(topic, {
      onNews: (news) => handlers.current.onNews(news),
      onMissed: () => handlers.current.onMissed(),
    });
  }, [topic]);
}
