/** The token that a link brings along. */
export const withToken = (search: Record<string, unknown>): { token: string } => ({
  token: typeof search.token === "string" ? search.token : "",
});
