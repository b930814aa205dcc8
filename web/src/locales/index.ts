// The language in use.

import { en } from "./en.ts";
import { type Catalogue, nl } from "./nl.ts";

export const LANGUAGES = { nl: "Nederlands", en: "English" } as const;
export type Language = keyof typeof LANGUAGES;
export type { Catalogue };

const CATALOGUES: Record<Language, Catalogue> = { nl, en };

export function catalogue(language: Language): Catalogue {
  return CATALOGUES[language];
}

export function isLanguage(value: unknown): value is Language {
  return value === "nl" || value === "en";
}
