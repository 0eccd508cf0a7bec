// The service worker: the app's shell from its cache, what was read last from another when the hub cannot be reached.
// Relative addresses, for a hub below a sub-path.
const SHELL = "shell-__VERSION__";
const SEEN = "seen-v1";
const SEEN_ENTRIES_MAX = 300;
const PATIENCE_MS = 4000;
const LATE = "late";
const FILES = "__SHELL__";
const root = new URL("./", self.location.href);

self.addEventListener("install", (event) => {
  event.waitUntil(
    caches
      .open(SHELL)
      .then((cache) => cache.addAll(FILES.map((name) => new Request(new URL(name, root), { cache: "no-cache" })))),
  );
});

self.addEventListener("activate", (event) => {
  event.waitUntil(
    (async () => {
      for (const name of await caches.keys())
        if (name.startsWith("shell-") && name !== SHELL) await caches.delete(name);
      await self.clients.claim();
    })(),
  );
});

self.addEventListener("message", (event) => {
  if (event.data === "take-over") self.skipWaiting();
  if (event.data === "forget") event.waitUntil(caches.delete(SEEN));
});

self.addEventListener("push", (event) => {
  const said = event.data?.json() ?? {};
  event.waitUntil(
    self.registration.showNotification(said.title ?? "Lyceum", {
      body: said.body,
      icon: new URL("icon-192.png", root).href,
      // told again, it takes the place of the one before
      tag: said.id,
      data: { url: said.url },
    }),
  );
});

// a page of the hub that is open is led there, else one is opened; nothing of another origin is
self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  const url = new URL(event.notification.data?.url ?? "./", root);
  if (url.origin !== root.origin) return;
  event.waitUntil(
    (async () => {
      const open = await self.clients.matchAll({ type: "window" });
      const page = open.find((client) => client.url.startsWith(root.href));
      if (!page) return self.clients.openWindow(url.href);
      await page.focus();
      return page.navigate(url.href);
    })(),
  );
});

self.addEventListener("fetch", (event) => {
  const request = event.request;
  const url = new URL(request.url);
  if (request.method !== "GET" || url.origin !== root.origin || !url.pathname.startsWith(root.pathname)) return;
  const path = url.pathname.slice(root.pathname.length);
  if (path.startsWith("api/v1/")) {
    // files and exports are not kept, nor what an administrator sees as somebody else
    if (request.headers.has("lyceum-as")) return;
    if (!/\/(content|artifact|download|export)$/.test(path) && path !== "api/v1/ws") event.respondWith(seen(request));
    return;
  }
  if (path.startsWith("api/") || path.startsWith("health") || path === "metrics") return;
  event.respondWith(request.mode === "navigate" ? page(request) : file(request));
});

async function within(promise, ms) {
  let timer;
  const limit = new Promise((_, refuse) => {
    timer = setTimeout(refuse, ms, new Error(LATE));
  });
  try {
    return await Promise.race([promise, limit]);
  } finally {
    clearTimeout(timer);
  }
}

// what one organisation shows is not another's
function keyOf(request) {
  const key = new URL(request.url);
  key.searchParams.set("lyceum-organisation", request.headers.get("lyceum-organisation") ?? "");
  return key.href;
}

// answers that are still under way, by what was asked: whoever asks again meanwhile waits for the same one
const late = new Map();

// what was seen last is marked as such, so that nobody takes it for what is
async function seen(request) {
  const cache = await caches.open(SEEN);
  const key = keyOf(request);
  const awaited = late.get(key);
  if (awaited) return (await awaited).clone();
  const answer = fetch(request).then(async (response) => {
    if (response.ok && response.headers.get("content-type")?.includes("json")) {
      await cache.put(key, response.clone());
      void trim(cache);
    }
    if (response.status === 401) await caches.delete(SEEN);
    return response;
  });
  try {
    return await within(answer, PATIENCE_MS);
  } catch (problem) {
    const kept = await cache.match(key);
    if (!kept) return answer;
    const headers = new Headers(kept.headers);
    headers.set("x-last-seen", kept.headers.get("date") ?? "");
    if (problem.message === LATE) {
      headers.set("x-hub-late", "1");
      late.set(key, answer);
    }
    answer.catch(() => undefined).finally(() => late.delete(key));
    return new Response(kept.body, { status: kept.status, headers });
  }
}

async function trim(cache) {
  const keys = await cache.keys();
  for (const key of keys.slice(0, Math.max(0, keys.length - SEEN_ENTRIES_MAX))) await cache.delete(key);
}

async function page(request) {
  const network = fetch(request);
  try {
    return await within(network, PATIENCE_MS);
  } catch {
    const shell = await caches.match(new URL("./", root), { cacheName: SHELL });
    return shell ?? network;
  }
}

async function file(request) {
  const kept = await caches.match(request, { cacheName: SHELL });
  return kept ?? fetch(request);
}
