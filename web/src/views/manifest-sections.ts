// The agreed texts of a snapshot, with the names people know them by.

import type { Manifest } from "../circle/manifest.ts";
import type { Catalogue } from "../locales/index.ts";

export interface Section {
  readonly name: string;
  readonly label: string;
  readonly text: string;
}

/** The step first, since that is what people agree on. */
export function sectionsOf(manifest: Manifest, words: Catalogue): Section[] {
  const order = ["step", "case"];
  const place = (kind: string) => (order.includes(kind) ? order.indexOf(kind) : order.length);
  return [...manifest.docs]
    .sort((a, b) => place(a.kind) - place(b.kind))
    .flatMap((document) =>
      document.text.split(/^## /m).flatMap((part, at): Section[] => {
        const end = part.indexOf("\n");
        if (at === 0 || end < 0) return [];
        const name = part.slice(0, end);
        return [{ name: `${document.id} ${name}`, label: labelOf(name, words), text: part.slice(end).trim() }];
      }),
    );
}

function labelOf(name: string, words: Catalogue): string {
  const { step, home, smallWin, checkIn } = words;
  const labels: Record<string, string> = {
    ...step.texts,
    ...checkIn.asked,
    title: home.newTitle,
    body: home.newCase,
    practice: smallWin.practice,
  };
  return labels[name] ?? name;
}
