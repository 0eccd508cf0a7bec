import type { ReactNode } from "react";
import { Brand } from "./brand";

/** Keeps the place of a text that is known in a moment. */
export const BLANK_LINE = "\u00a0";

/** The frame of pages for somebody who is not signed in. It stands by its top, so that what comes later moves nothing above it. */
export function Front({ title, text, children }: { title: string; text?: ReactNode; children: ReactNode }) {
  return (
    <main id="main" className="mx-auto flex min-h-dvh max-w-sm flex-col px-4 pt-[clamp(2rem,16dvh,9rem)] pb-8">
      <div className="mb-6">
        <Brand />
      </div>
      <h1 className="text-xl font-semibold tracking-tight">{title}</h1>
      {text ? <p className="mt-1 text-fg-2">{text}</p> : null}
      <div className="mt-6">{children}</div>
    </main>
  );
}
