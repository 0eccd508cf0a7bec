import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Live, pauseBefore } from "./live";

class Wire {
  static all: Wire[] = [];
  readyState = 1;
  sent: Record<string, string>[] = [];
  onmessage?: (event: { data: string }) => void;
  onclose?: ((event: { code: number }) => void) | null;
  url: URL;
  constructor(url: URL) {
    this.url = url;
    Wire.all.push(this);
  }
  send(text: string) {
    this.sent.push(JSON.parse(text));
  }
  close() {
    this.onclose?.({ code: 1006 });
  }
  says(words: object) {
    this.onmessage?.({ data: JSON.stringify(words) });
  }
}

beforeEach(() => {
  vi.useFakeTimers();
  Wire.all = [];
  vi.stubGlobal("WebSocket", Wire);
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

const wire = (index: number) => Wire.all[index] as Wire;

test("the pause before trying again grows and is capped", () => {
  expect(pauseBefore(0, 1)).toBe(500);
  expect(pauseBefore(3, 1)).toBe(4000);
  expect(pauseBefore(20, 1)).toBe(15_000);
});

test("a topic is followed once the hub has said welcome, and after a break from where it was", () => {
  const live = new Live();
  const heard: unknown[] = [];
  live.follow("jobs", { onNews: (news) => heard.push(news), onMissed: () => heard.push("missed") });
  wire(0).says({ type: "welcome", late: false });
  expect(wire(0).sent.at(-1)).toEqual({ type: "follow", topic: "jobs" });
  wire(0).says({ type: "news", topic: "jobs", position: "7-0", news: { state: "running" } });
  wire(0).onclose?.({ code: 1006 });
  expect(live.state).toBe("lost");
  vi.advanceTimersByTime(600);
  return vi.waitFor(() => {
    wire(1).says({ type: "welcome", late: false });
    expect(wire(1).sent.at(-1)).toEqual({ type: "follow", topic: "jobs", after: "7-0" });
    wire(1).says({ type: "following", topic: "jobs", position: "9-0", missed: true });
    expect(heard).toEqual([{ state: "running" }, "missed"]);
  });
});

test("the last listener's leaving leaves the topic", () => {
  const live = new Live();
  const leave = live.follow("jobs", { onNews: () => undefined, onMissed: () => undefined });
  wire(0).says({ type: "welcome", late: false });
  leave();
  expect(wire(0).sent.at(-1)).toEqual({ type: "leave", topic: "jobs" });
});
