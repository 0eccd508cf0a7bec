import { api } from "@/api/client";

/** How one signs in here and who may make an account. */
export const signInOptions = api.queryOptions("get", "/api/v1/sign-in-options", {}, { staleTime: 60_000 });
