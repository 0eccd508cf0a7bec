import { QueryCache, QueryClient } from "@tanstack/react-query";
import createFetchClient from "openapi-fetch";
import createClient from "openapi-react-query";
import { whenHubIsLate } from "./freshness";
import { whenOrganisationIsLost } from "./organisation";
import { Problem, problemOf } from "./problem";
import { ROOT } from "./root";
import type { components, paths } from "./schema";
import { hubFetch } from "./transport";

/** What the API sends and takes, by its name there. */
export type Api = components["schemas"];

export const client = createFetchClient<paths>({ baseUrl: ROOT.href.replace(/\/$/, ""), fetch: hubFetch });
client.use({
  async onResponse({ response }) {
    if (!response.ok) throw await problemOf(response);
  },
});

/** Queries and mutations by the API's own paths. */
export const api = createClient(client);

/** Asks what stands in no schema: answers that are JSON without a fixed shape. */
export async function send<T>(
  method: string,
  path: string,
  body?: unknown,
  more: Record<string, string> = {},
): Promise<T> {
  const headers = body === undefined ? more : { ...more, "Content-Type": "application/json" };
  const init: RequestInit = { method, headers };
  if (body !== undefined) init.body = JSON.stringify(body);
  const response = await hubFetch(new Request(new URL(`api/v1/${path}`, ROOT), init));
  if (!response.ok) throw await problemOf(response);
  return (response.status === 204 ? undefined : await response.json()) as T;
}

// a hub that begins to want second factors says so to the pages that are open
const queryCache = new QueryCache({
  onError: (error) => {
    if (error instanceof Problem && error.code === "second_factor_needed") {
      void queryClient.invalidateQueries({ queryKey: ["me"] });
    }
  },
});

export const queryClient: QueryClient = new QueryClient({
  queryCache,
  defaultOptions: {
    queries: {
      staleTime: 10_000,
      retry: (failures, error) => !(error instanceof Problem && error.status < 500) && failures < 2,
    },
  },
});
whenOrganisationIsLost(() => void queryClient.resetQueries());
whenHubIsLate(() => void queryClient.invalidateQueries());
