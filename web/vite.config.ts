/// <reference types="vitest/config" />
import tailwindcss from "@tailwindcss/vite";
import { tanstackRouter } from "@tanstack/router-plugin/vite";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";
import { pageRoutes } from "./bundling/page-routes.ts";
import { precompressed } from "./bundling/precompressed.ts";
import { serviceWorker } from "./bundling/service-worker.ts";

const hub = process.env.LYCEUM_API ?? "http://127.0.0.1:8000";
const here = (path: string) => new URL(path, import.meta.url).pathname;

export default defineConfig({
  // relative, for a hub below a sub-path; index.html gets its <base> from the hub
  base: "./",
  resolve: {
    alias: {
      // it writes <style> elements, which the hub's policy forbids
      "react-style-singleton": here("./src/ui/style-singleton.ts"),
      "@": here("./src"),
    },
  },
  plugins: [
    tanstackRouter({ target: "react", autoCodeSplitting: true, quoteStyle: "double", semicolons: true }),
    react(),
    tailwindcss(),
    pageRoutes(here("./src/routeTree.gen.ts")),
    serviceWorker(),
    precompressed(),
  ],
  build: {
    target: "es2022",
    reportCompressedSize: false,
    manifest: true,
    assetsInlineLimit: 0,
    // what every page needs is one file: fifty small ones compress worse and are asked for one by one
    rolldownOptions: { output: { codeSplitting: { groups: [{ name: "base", test: /src\/router\.tsx$/ }] } } },
  },
  server: { proxy: { "/api": { target: hub, ws: true } } },
  test: { environment: "jsdom", setupFiles: ["./src/test-setup.ts"], css: false, include: ["src/**/*.test.{ts,tsx}"] },
});
