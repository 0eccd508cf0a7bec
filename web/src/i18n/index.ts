import i18n from "i18next";
import { initReactI18next } from "react-i18next";
import en from "./en.json";

export const LANGUAGES = [
  { value: "en", label: "English" },
  { value: "de", label: "Deutsch" },
];
const KEPT = "lyceum.language";

function wanted(): string {
  const known = (language: string | null) => LANGUAGES.find((one) => one.value === language?.slice(0, 2))?.value;
  return known(localStorage.getItem(KEPT)) ?? navigator.languages.map(known).find(Boolean) ?? "en";
}

/** Resolves when the words of the reader's language are there, so that no page shows first one and then the other. */
export async function speak(): Promise<void> {
  i18n.on("languageChanged", (language) => {
    document.documentElement.lang = language;
  });
  await i18n
    .use({
      type: "backend" as const,
      init: () => undefined,
      read: async (language: string) => (language === "de" ? (await import("./de.json")).default : en),
    })
    .use(initReactI18next)
    .init({
      lng: wanted(),
      fallbackLng: "en",
      partialBundledLanguages: true,
      resources: { en: { translation: en } },
      interpolation: { escapeValue: false },
      react: { useSuspense: false },
    });
}

export function changeLanguage(language: string) {
  localStorage.setItem(KEPT, language);
  void i18n.changeLanguage(language);
}
