import { useSyncExternalStore } from "react";
import { type Api, client, queryClient } from "@/api/client";
import { Problem, problemOf, Unreachable } from "@/api/problem";

const NAME_CHARACTERS_MAX = 96;

/** A name that a dataset can have, made of a file's. */
export function nameOf(file: string): string {
  const stem = file.replace(/\.(csv|tsv|txt|parquet|jsonl|ndjson|json|arrow|feather|ipc|xlsx)(\.gz|\.zst)?$/i, "");
  return (
    stem
      .replace(/[^A-Za-z0-9._-]+/g, "-")
      .replace(/^[^A-Za-z0-9]+|[^A-Za-z0-9]+$/g, "")
      .slice(0, NAME_CHARACTERS_MAX) || "table"
  );
}

/** The name of a dataset that is fetched from an address; null for what is none. */
export function nameInAddress(address: string): string | null {
  const text = address.trim();
  if (!/^https?:\/\//i.test(text) || !URL.canParse(text)) return null;
  const { hostname, pathname } = new URL(text);
  const last = pathname.split("/").filter(Boolean).at(-1) ?? "";
  try {
    return nameOf(decodeURIComponent(last) || hostname);
  } catch {
    return nameOf(last);
  }
}

export type Uploading = { fileName: string; address: string; fraction: number; abort: () => void };

// an upload goes on while its reader walks through other pages
let current: Uploading | null = null;
const listeners = new Set<() => void>();

function become(next: Uploading | null) {
  current = next;
  for (const listener of listeners) listener();
}

export const useUploading = () =>
  useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => current,
  );

type Wanted = { file: File; name: string; org: string; isNew: boolean };

/** Sends a file and makes a version of it; returns the pending version. */
export async function upload({ file, name, org, isNew }: Wanted): Promise<Api["Version"]> {
  const address = `${org}/${name}`;
  become({ fileName: file.name, address, fraction: 0, abort: () => undefined });
  try {
    if (isNew) await makeUnlessThere(name);
    const body = { file_name: file.name, byte_count: file.size, sha256: null, in_parts: false };
    const { data: begun } = await client.POST("/api/v1/uploads", { body });
    if (!begun?.put_url) throw new Problem(500, {});
    await put(begun.put_url, file, (fraction, abort) => become({ fileName: file.name, address, fraction, abort }));
    if (begun.complete_needed) {
      const params = { path: { upload_id: begun.id } };
      await client.POST("/api/v1/uploads/{upload_id}/complete", { params, body: { sha256: null, part_sha256: null } });
    }
    const params = { path: { org, name } };
    const { data: version } = await client.POST("/api/v1/datasets/{org}/{name}/versions", {
      params,
      body: { upload_id: begun.id, format: null, encoding: null, delimiter: null, has_header: null },
    });
    return version as Api["Version"];
  } finally {
    become(null);
    void queryClient.invalidateQueries({ queryKey: ["get", "/api/v1/datasets"] });
  }
}

/** Makes a dataset; a file for a name that exists becomes its next version. */
export async function makeUnlessThere(name: string): Promise<void> {
  try {
    await client.POST("/api/v1/datasets", {
      body: { name, description: "", column_notes: {}, visibility: "private" },
    });
  } catch (error) {
    if (!(error instanceof Problem && error.status === 409)) throw error;
  }
}

// `fetch` does not tell how much has left
function put(address: string, file: File, onProgress: (fraction: number, abort: () => void) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("PUT", address);
    request.setRequestHeader("Content-Type", "application/octet-stream");
    for (const [name, value] of Object.entries(ownHeaders(address))) request.setRequestHeader(name, value);
    request.upload.onprogress = (event) =>
      onProgress(event.total ? event.loaded / event.total : 0, () => request.abort());
    request.onerror = () => reject(new Unreachable("The connection broke while the file was sent. Try again."));
    request.onabort = () => reject(new DOMException("aborted", "AbortError"));
    request.onload = async () => {
      if (request.status < 300) resolve();
      else reject(await problemOf(new Response(request.responseText, { status: request.status })));
    };
    request.send(file);
  });
}

/** The session's proof, for the hub's own address alone. */
function ownHeaders(address: string): Record<string, string> {
  if (new URL(address, location.href).origin !== location.origin) return {};
  const token = /(?:^|; )(?:__Host-|__Secure-)?lyceum_csrf=([^;]*)/.exec(document.cookie)?.[1];
  return token ? { "X-CSRF-Token": decodeURIComponent(token) } : {};
}
