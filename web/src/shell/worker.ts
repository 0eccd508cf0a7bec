import { hubPath } from "@/api/root";

// The service worker: registered once the page is there; a new one waits until the reader agrees.
let onUpdate: (() => void) | null = null;
let waiting: ServiceWorker | null = null;

/** Calls back when a newer version of the app is ready. */
export function whenUpdated(callback: () => void) {
  onUpdate = callback;
  if (waiting) callback();
}

export function takeUpdate() {
  waiting?.postMessage("take-over");
}

/** Removes what was kept of the pages that were read. */
export async function forgetSeen() {
  navigator.serviceWorker?.controller?.postMessage("forget");
  if ("caches" in window) await caches.delete("seen-v1");
}

export async function registerWorker() {
  if (!("serviceWorker" in navigator) || import.meta.env.DEV) return;
  const registration = await navigator.serviceWorker.register(hubPath("sw.js"), { updateViaCache: "none" });
  const look = (worker: ServiceWorker | null) => {
    worker?.addEventListener("statechange", () => {
      if (worker.state === "installed" && navigator.serviceWorker.controller) {
        waiting = worker;
        onUpdate?.();
      }
    });
  };
  if (registration.waiting && navigator.serviceWorker.controller) {
    waiting = registration.waiting;
    onUpdate?.();
  }
  look(registration.installing);
  registration.addEventListener("updatefound", () => look(registration.installing));
  let reloading = false;
  const had = Boolean(navigator.serviceWorker.controller);
  navigator.serviceWorker.addEventListener("controllerchange", () => {
    if (reloading || !had) return;
    reloading = true;
    location.reload();
  });
}
