import { type Api, client } from "@/api/client";

// Whether this browser is pushed to, and by which of the hub's subscriptions.
const KEPT = "lyceum.push";

export type Pushed = "unsupported" | "blocked" | "off" | "on";

export const pushedAs = () => localStorage.getItem(KEPT);

export async function pushed(): Promise<Pushed> {
  const registration = "serviceWorker" in navigator ? await navigator.serviceWorker.getRegistration() : undefined;
  if (!registration || !("PushManager" in window) || !("Notification" in window)) return "unsupported";
  if (Notification.permission === "denied") return "blocked";
  return pushedAs() && (await registration.pushManager.getSubscription()) ? "on" : "off";
}

/** Asks the reader, then the browser's maker, then tells the hub; undefined where the reader does not want it. */
export async function bePushed(): Promise<Api["PushSubscriptionOut"] | undefined> {
  if ((await Notification.requestPermission()) !== "granted") return undefined;
  const registration = await navigator.serviceWorker.ready;
  const { data: key } = await client.GET("/api/v1/push-key");
  // one that was made with another key of the hub, or for somebody else, does not serve
  await (await registration.pushManager.getSubscription())?.unsubscribe();
  const made = await registration.pushManager.subscribe({
    userVisibleOnly: true,
    applicationServerKey: key?.public_key ?? "",
  });
  const { endpoint = "", keys } = made.toJSON();
  try {
    const { data } = await client.POST("/api/v1/push-subscriptions", {
      body: { endpoint, keys: { p256dh: keys?.p256dh ?? "", auth: keys?.auth ?? "" }, device: deviceName() },
    });
    if (data) localStorage.setItem(KEPT, data.id);
    return data;
  } catch (error) {
    await made.unsubscribe();
    throw error;
  }
}

/** Ends it in this browser; the hub hears of it from whoever asks for that. */
export async function bePushedNoMore() {
  localStorage.removeItem(KEPT);
  const registration = "serviceWorker" in navigator ? await navigator.serviceWorker.getRegistration() : undefined;
  await (await registration?.pushManager?.getSubscription())?.unsubscribe();
}

/** Before a sign-out: whoever uses the browser next is not to read what this person is told. */
export async function endPushing() {
  const id = pushedAs();
  if (!id) return;
  await client
    .DELETE("/api/v1/push-subscriptions/{subscription_id}", { params: { path: { subscription_id: id } } })
    .catch(() => undefined);
  await bePushedNoMore();
}

/** "Firefox on Linux": what is to be read in a list of browsers. */
export function deviceName(agent = navigator.userAgent): string {
  const browser = /Firefox|Edg|OPR|Chrome|Safari/.exec(agent)?.[0] ?? "";
  const system = /Android|iPhone|iPad|Windows|Mac OS X|CrOS|Linux/.exec(agent)?.[0] ?? "";
  const names: Record<string, string> = { Edg: "Edge", OPR: "Opera", "Mac OS X": "macOS", CrOS: "ChromeOS" };
  return [browser, system]
    .map((word) => names[word] ?? word)
    .filter(Boolean)
    .join(", ");
}
