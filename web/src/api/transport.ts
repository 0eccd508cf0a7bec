import { actAs, actingAs } from "./acting";
import { noteFreshness } from "./freshness";
import { actIn, actingIn } from "./organisation";
import { Unreachable } from "./problem";
import { hubPath } from "./root";
import { sessionState, setSession, signedInAgain } from "./session";

const UNSAFE = new Set(["POST", "PUT", "PATCH", "DELETE"]);
const ABOUT_SESSIONS = /\/api\/v1\/(sessions|sign-in-options|registrations|password-resets|email-confirmations|setup)/;
const ENDS_ACTING = /\/api\/v1\/admin\/impersonation$/;
const CSRF_COOKIE = /(?:^|; )(?:__Host-|__Secure-)?lyceum_csrf=([^;]*)/;

/** `fetch` for the hub: says whose page it is, renews the session, and waits for a new sign-in when that is over. */
export async function hubFetch(asked: Request): Promise<Response> {
  const request = prepared(asked);
  const again = request.clone();
  const response = await reached(request);
  if (response.status === 403 && actingAs() && (await codeOf(response)) === "impersonation_over") actAs(null);
  if (response.status === 404 && actingIn() && (await codeOf(response)) === "organisation_not_found") {
    actIn(null);
    return hubFetch(new Request(again, { headers: without(again.headers, "lyceum-organisation") }));
  }
  if (response.status !== 401 || ABOUT_SESSIONS.test(request.url)) return response;
  if (await renewed()) return reached(prepared(again.clone()));
  if (sessionState() !== "signed_in" && sessionState() !== "expired") return response;
  return (await signedInAgain()) ? reached(prepared(again)) : response;
}

function prepared(request: Request): Request {
  const headers = new Headers(request.headers);
  const organisation = actingIn();
  if (organisation) headers.set("Lyceum-Organisation", organisation);
  const acting = actingAs();
  if (acting && !ABOUT_SESSIONS.test(request.url) && !ENDS_ACTING.test(request.url))
    headers.set("Lyceum-As", acting.id);
  if (UNSAFE.has(request.method)) {
    const token = CSRF_COOKIE.exec(document.cookie)?.[1];
    if (token) headers.set("X-CSRF-Token", decodeURIComponent(token));
  }
  // the same key when it is sent again: what was done once is not done twice
  if (request.method === "POST" && !headers.has("Idempotency-Key")) headers.set("Idempotency-Key", crypto.randomUUID());
  return new Request(request, { headers });
}

async function reached(request: Request): Promise<Response> {
  try {
    const response = await fetch(request);
    noteFreshness(response);
    return response;
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new Unreachable("The hub cannot be reached. Is it running, and are you online?");
  }
}

let renewing: Promise<boolean> | null = null;

/** Whether the session has a fresh token; asked once however many requests found it old. */
export function renewed(): Promise<boolean> {
  renewing ??= renew().finally(() => {
    renewing = null;
  });
  return renewing;
}

async function renew(): Promise<boolean> {
  // without the cookie that scripts may read there is no session to renew
  if (!CSRF_COOKIE.test(document.cookie)) return false;
  const address = hubPath("api/v1/sessions/refresh");
  const request = new Request(address, { method: "POST", body: "{}", headers: { "Content-Type": "application/json" } });
  const response = await reached(prepared(request));
  if (response.ok && sessionState() === "unknown") setSession("signed_in");
  return response.ok;
}

async function codeOf(response: Response): Promise<unknown> {
  const body: unknown = await response
    .clone()
    .json()
    .catch(() => null);
  return typeof body === "object" && body !== null && "code" in body ? body.code : null;
}

function without(headers: Headers, name: string): Headers {
  const left = new Headers(headers);
  left.delete(name);
  return left;
}
