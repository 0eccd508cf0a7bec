/** Where the hub's pages lie: `/`, or the sub-path that a proxy gives it. */
export const ROOT = new URL("./", document.baseURI);

/** The path of something of the hub, for the browser. */
export const hubPath = (path: string) => new URL(path, ROOT).pathname;

/** The whole address of something of the hub, for a text that leaves the page. */
export const hubAddress = (path = "") => new URL(path, ROOT).href.replace(/\/$/, "");
