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
  await i18n.use(initReactI18next).init({
    lng: "en",
    fallbackLng: "en",
    resources: { en: { translation: en } },
    interpolation: { escapeValue: false },
    react: { useSuspense: false },
  });
  await speakIn(wanted());
}

export function changeLanguage(language: string) {
  localStorage.setItem(KEPT, language);
  void speakIn(language);
}

async function speakIn(language: string) {
  if (language === "de") i18n.addResourceBundle("de", "translation", (await import("./de.json")).default);
  await i18n.changeLanguage(language);
}
