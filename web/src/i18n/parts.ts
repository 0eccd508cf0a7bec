import i18n from "i18next";

// Words of parts that most readers never open: they come with the part's pages, in every language at once, so that a change
// of language finds them there.
const PARTS = {
  data: { en: () => import("./data.en.json"), de: () => import("./data.de.json") },
  incidents: { en: () => import("./incidents.en.json"), de: () => import("./incidents.de.json") },
  admin: { en: () => import("./admin.en.json"), de: () => import("./admin.de.json") },
};

/** Resolves when a part's words are there. */
export async function loadWords(part: keyof typeof PARTS): Promise<void> {
  await Promise.all(
    Object.entries(PARTS[part]).map(async ([language, load]) => {
      const { default: words } = await load();
      i18n.addResourceBundle(language, "translation", words, true, true);
    }),
  );
}

/** What loads a component with the words of its part, for `lazy`. */
export const withWords =
  <T>(load: () => Promise<T>, part: keyof typeof PARTS = "data") =>
  async (): Promise<T> => {
    const [loaded] = await Promise.all([load(), loadWords(part)]);
    return loaded;
  };
