import { expect, it } from "vitest";
import { queryClient } from "@/api/client";
import { signInOptions } from "./sign-in-options";
import { forgetEverything } from "./sign-out";

const READ = [["me"], ["get", "/api/v1/datasets", {}], ["incidents", "1"]];

it("forgets all that was read, once the page that shows it is left, and nothing of how one signs in", async () => {
  for (const key of [...READ, signInOptions.queryKey]) queryClient.setQueryData(key, { read: true });
  let shownMeanwhile: unknown[] = [];
  await forgetEverything(async () => {
    shownMeanwhile = READ.map((key) => queryClient.getQueryData(key));
  });
  expect(shownMeanwhile).toEqual(READ.map(() => ({ read: true })));
  expect(READ.map((key) => queryClient.getQueryData(key))).toEqual(READ.map(() => undefined));
  expect(queryClient.getQueryData(signInOptions.queryKey)).toEqual({ read: true });
});

it("forgets where the way out is barred, too", async () => {
  queryClient.setQueryData(["me"], { read: true });
  await expect(forgetEverything(() => Promise.reject(new Error("no way")))).rejects.toThrow("no way");
  expect(queryClient.getQueryData(["me"])).toBeUndefined();
});
