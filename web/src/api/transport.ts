import { actAs, actingAs } from "./acting";
import { noteFreshness } from "./freshness";
import { actingIn, loseOrganisation } from "./organisation";
import { problemOf, Unreachable } from "./problem";
import { hubPath } from "./root";
import { sessionState, setSession, signedInAgain } from "./session";
import { steppedUp } from "./step-up";

const UNSAFE = new Set(["POST", "PUT", "PATCH", "DELETE"]);
const ABOUT_SESSIONS = /\/api\/v1\/(sessions|sign-in-options|registrations|password-resets|email-confirmations|setup)/;
const ACTING = "Lyceum-Organisation";
const ENDS_ACTING = /\/api\/v1\/admin\/impersonation$/;
const CSRF_COOKIE = /(?:^|; )(?:__Host-|__Secure-)?lyceum_csrf=([^;]*)/;

/** `fetch` for the hub: says whose page it is, renews the session, and waits for a new sign-in when that is over, or for a step-up. */
export async function hubFetch(asked: Request): Promise<Response> {
  const request = prepared(asked);
  const again = request.clone();
  const response = await reached(request);
  if (response.status === 404 && actingIn() && !asked.headers.has(ACTING) && (await isOrganisationGone(response))) {
    loseOrganisation();
    // what was to change something there must not change it elsewhere
    return UNSAFE.has(asked.method)
      ? response
      : hubFetch(new Request(again, { headers: without(again.headers, ACTING) }));
  }
  if (response.status === 403) {
    const problem = await problemOf(response);
    if (problem.code === "impersonation_over" && actingAs()) actAs(null);
    if (problem.code !== "step_up_needed") return response;
    return (await steppedUp(problem.methods)) ? hubFetch(again) : response;
  }
  if (response.status !== 401 || ABOUT_SESSIONS.test(request.url)) return response;
  if (await renewed()) return reached(prepared(again.clone()));
  if (sessionState() !== "signed_in" && sessionState() !== "expired") return response;
  return (await signedInAgain()) ? reached(prepared(again)) : response;
}

/** Whether a session may be there: what shows it is readable by no script but this much. */
export const mayBeSignedIn = () => CSRF_COOKIE.test(document.cookie);

function prepared(request: Request): Request {
  const headers = new Headers(request.headers);
  const organisation = actingIn();
  if (organisation && !headers.has(ACTING)) headers.set(ACTING, organisation);
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
  if (!mayBeSignedIn()) return false;
  const address = hubPath("api/v1/sessions/refresh");
  const request = new Request(address, { method: "POST", body: "{}", headers: { "Content-Type": "application/json" } });
  const response = await reached(prepared(request));
  if (response.ok && sessionState() === "unknown") setSession("signed_in");
  return response.ok;
}

async function isOrganisationGone(response: Response): Promise<boolean> {
  // the same is said of another organisation, which a path names: this one is gone when one cannot be oneself in it
  const unknown = (await problemOf(response)).code === "organisation_not_found";
  return unknown && (await reached(prepared(new Request(new URL(hubPath("api/v1/me"), location.href))))).status === 404;
}

function without(headers: Headers, name: string): Headers {
  const left = new Headers(headers);
  left.delete(name);
  return left;
}
