import { runInNewContext } from "node:vm";
import { afterEach, describe, expect, it, vi } from "vitest";
import source from "../../bundling/sw.js?raw";
import { noteFreshness, whenHubIsLate } from "./freshness";

const ADDRESS = "https://hub.example.org/api/v1/datasets";
const json = (value: unknown) =>
  new Response(JSON.stringify(value), { headers: { "content-type": "application/json", date: "Mon" } });

/** The worker's own code with a hub of the test's in place of the network. */
function worker(hub: () => Promise<Response>) {
  const kept = new Map<string, Response>();
  const cache = {
    put: async (key: string, response: Response) => void kept.set(key, response),
    match: async (key: string) => kept.get(key)?.clone(),
    keys: async () => [],
  };
  type Event = { request: Request; respondWith: (answer: Promise<Response>) => void };
  const heard = new Map<string, (event: Event) => void>();
  runInNewContext(source, {
    self: {
      location: { href: "https://hub.example.org/sw.js" },
      addEventListener: (name: string, listener: (event: Event) => void) => heard.set(name, listener),
    },
    caches: { open: async () => cache },
    fetch: hub,
    ...{ URL, Headers, Response, Error, setTimeout, clearTimeout },
  });
  return () =>
    new Promise<Response>((resolve, refuse) => {
      heard.get("fetch")?.({
        request: new Request(ADDRESS),
        respondWith: (answer) => void answer.then(resolve, refuse),
      });
    });
}

afterEach(() => {
  vi.useRealTimers();
});

describe("a hub that is slow", () => {
  it("is not waited for where something was seen, and its answer comes to whoever asks again", async () => {
    vi.useFakeTimers();
    let answer = async () => json(1);
    let asked = 0;
    const ask = worker(() => {
      asked += 1;
      return answer();
    });
    await ask();
    let told: (response: Response) => void = () => undefined;
    answer = () => new Promise((resolve) => (told = resolve));
    const first = ask();
    await vi.advanceTimersByTimeAsync(4000);
    const old = await first;
    expect([await old.json(), old.headers.get("x-last-seen"), old.headers.get("x-hub-late")]).toEqual([1, "Mon", "1"]);
    const again = ask();
    told(json(2));
    const fresh = await again;
    expect([await fresh.json(), fresh.headers.has("x-last-seen"), asked]).toEqual([2, false, 2]);
  });

  it("is told from one that cannot be reached", async () => {
    let answer = async () => json(1);
    const ask = worker(() => answer());
    await ask();
    answer = () => Promise.reject(new TypeError("gone"));
    const old = await ask();
    expect([old.headers.get("x-last-seen"), old.headers.has("x-hub-late")]).toEqual(["Mon", false]);
  });

  it("is asked again once in half a minute, however much was late", async () => {
    vi.useFakeTimers();
    const asked = vi.fn();
    whenHubIsLate(asked);
    const late = () => new Response("", { headers: { "x-hub-late": "1" } });
    for (const now of [0, 10, 29_999, 30_000, 30_001]) noteFreshness(late(), now);
    await vi.runAllTimersAsync();
    expect(asked).toHaveBeenCalledTimes(2);
  });
});
