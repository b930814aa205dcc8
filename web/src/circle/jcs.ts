// Canonical JSON (RFC 8785), narrowed to what every language reads alike.

import canonicalize from "canonicalize";
import { utf8 } from "./bytes.ts";
import { CircleError } from "./error.ts";
import { JSON_DEPTH_MAX } from "./limits.ts";

export type Json = null | boolean | number | string | readonly Json[] | JsonObject;
export interface JsonObject {
  readonly [name: string]: Json;
}

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const LONE_SURROGATE = /[\ud800-\udfff]/u;

/** The canonical bytes of a value; fields that are `undefined` are absent. */
export function toCanonical(value: unknown): Uint8Array<ArrayBuffer> {
  return utf8(canonicalize(value) ?? "");
}

/**
 * Reads JSON that is in canonical form. Writing it back and comparing catches, in one step, duplicate
 * and unordered keys, white space, and other spellings of numbers and strings.
 */
export function fromCanonical(bytes: Uint8Array): Json {
  try {
    const text = decoder.decode(bytes);
    const value = JSON.parse(text) as Json;
    if (isUnicode(value) && canonicalize(value) === text) return value;
  } catch {
    // Not UTF-8, not JSON, or nested beyond the stack: not canonical either way.
  }
  throw new CircleError("malformed", "it is not canonical JSON (RFC 8785)");
}

/** Whether a free value is within what all readers agree on: integers that a double holds exactly, little nesting. */
export function isPlain(value: Json, depth = JSON_DEPTH_MAX): boolean {
  if (typeof value === "number") return Number.isSafeInteger(value);
  if (value === null || typeof value !== "object") return true;
  return depth > 0 && Object.values(value).every((part: Json) => isPlain(part, depth - 1));
}

/** Half a character pair has no UTF-8: other languages cannot hold it. */
function isUnicode(value: Json): boolean {
  if (typeof value === "string") return !LONE_SURROGATE.test(value);
  if (value === null || typeof value !== "object") return true;
  return Object.entries(value).every(([name, part]: [string, Json]) => isUnicode(name) && isUnicode(part));
}
