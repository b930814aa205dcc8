// Days as people write them.

import type { Language } from "../locales/index.ts";

const LOCALES: Record<Language, string> = { nl: "nl-NL", en: "en-GB" };

export function formatDate(moment: string | number, language: Language): string {
  return new Intl.DateTimeFormat(LOCALES[language], { dateStyle: "long" }).format(new Date(moment));
}
