import type { ReactNode } from "react";
import { Brand } from "./brand";

/** The frame of pages for somebody who is not signed in. */
export function Front({ title, text, children }: { title: string; text?: ReactNode; children: ReactNode }) {
  return (
    <main id="main" className="mx-auto flex min-h-dvh max-w-sm flex-col justify-center px-4 py-8">
      <div className="mb-6">
        <Brand />
      </div>
      <h1 className="text-xl font-semibold tracking-tight">{title}</h1>
      {text ? <p className="mt-1 text-fg-2">{text}</p> : null}
      <div className="mt-6">{children}</div>
    </main>
  );
}
