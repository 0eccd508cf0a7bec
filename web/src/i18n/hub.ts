import i18n from "i18next";
import { useCallback, useEffect, useState } from "react";
import { useTranslation } from "react-i18next";

type Said = (sentence: string) => string;

const asItCame: Said = (sentence) => sentence;
let german: Said | undefined;
let coming: Promise<Said> | undefined;

async function load(): Promise<Said> {
  try {
    const [{ translator }, { default: catalogue }] = await Promise.all([
      import("./hub-words"),
      import("./hub.de.json"),
    ]);
    german = translator(catalogue);
    return german;
  } catch {
    // offline, or the hub was upgraded meanwhile: English is better than nothing, and the next sentence tries again
    coming = undefined;
    return asItCame;
  }
}

/** What says sentences of the hub in the reader's language, once its words are there. */
export async function hubWords(): Promise<Said> {
  if (i18n.language !== "de") return asItCame;
  coming ??= load();
  return coming;
}

/** What says sentences of the hub in the reader's language: as they came until the words are there. */
export function useHubWords(): Said {
  const { language } = useTranslation().i18n;
  const [, setLoaded] = useState(german !== undefined);
  useEffect(() => {
    if (language === "de") void hubWords().then(() => setLoaded(true));
  }, [language]);
  const said = language === "de" ? (german ?? asItCame) : asItCame;
  return useCallback((sentence: string) => said(sentence), [said]);
}
