// Addresses within the page: all behind `#`, which never reaches a server.

import type { CircleId } from "../circle/ids.ts";
import { QUESTION_IDS, type QuestionId } from "../model/index.ts";

export const PARTS = ["check-in", "step", "circle"] as const;
export type Part = (typeof PARTS)[number];

export type Route =
  | { readonly name: "home" }
  | { readonly name: "new" }
  | { readonly name: "settings" }
  | { readonly name: "verify" }
  | { readonly name: "join"; readonly circle: CircleId }
  | { readonly name: "small-win"; readonly circle: CircleId; readonly part: Part; readonly question: QuestionId }
  | { readonly name: "not-found" };

export function parseRoute(hash: string): Route {
  const [first = "", second = "", third = "", fourth = ""] = hash.replace(/^#\/?/, "").split("/");
  if (first === "") return { name: "home" };
  if (first === "new" || first === "settings" || first === "verify") return { name: first };
  if (first === "join" && second !== "") return { name: "join", circle: second };
  if (first === "sw" && second !== "") {
    const part = PARTS.find((known) => known === third) ?? "check-in";
    const question = QUESTION_IDS.find((known) => known === fourth) ?? "q1";
    return { name: "small-win", circle: second, part, question };
  }
  return { name: "not-found" };
}

export function addressOf(circle: CircleId, part: Part = "check-in", question?: QuestionId): string {
  return `#/sw/${circle}/${part}${question ? `/${question}` : ""}`;
}
