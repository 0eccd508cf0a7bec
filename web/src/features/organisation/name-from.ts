const NAME_CHARACTERS_MAX = 64;

/** A name for addresses that goes with a title: small letters, digits and hyphens. */
export const nameFrom = (title: string): string =>
  title
    .toLowerCase()
    .replaceAll("ß", "ss")
    .replace(/[äöü]/g, (letter) => ({ ä: "ae", ö: "oe", ü: "ue" })[letter] ?? letter)
    .normalize("NFKD")
    .replace(/\p{Mark}/gu, "")
    .replace(/[^a-z0-9]+/g, "-")
    .slice(0, NAME_CHARACTERS_MAX)
    .replace(/^-+|-+$/g, "");
