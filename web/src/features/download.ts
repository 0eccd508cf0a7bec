import { send } from "@/api/client";
import { hubPath } from "@/api/root";

/** Has the browser fetch a file of the API; the session is renewed before, since a link cannot do that. */
export async function download(path: string, wanted: Record<string, string | undefined>) {
  await send("GET", "me");
  const given = Object.entries(wanted).filter((pair): pair is [string, string] => Boolean(pair[1]));
  const link = document.createElement("a");
  link.href = `${hubPath(path)}?${new URLSearchParams(given)}`;
  link.download = "";
  link.click();
}
