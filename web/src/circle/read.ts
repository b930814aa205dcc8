// Reads typed fields out of JSON: exactly those that should be there.

import { areAscending, fromB64uOf } from "./bytes.ts";
import { CircleError } from "./error.ts";
import type { Json, JsonObject } from "./jcs.ts";
import { isDeviceKeyText } from "./keys.ts";
import { isRole, type Role } from "./role.ts";
import { parseTimestamp } from "./timestamp.ts";

export function malformed(what: string): CircleError {
  return new CircleError("malformed", what);
}

/** The value as an object with these fields and, at most, those optional ones. */
export function fieldsOf(value: Json | undefined, required: readonly string[], optional: readonly string[] = []): JsonObject {
  if (!isObject(value)) throw malformed("something that should have fields has none");
  const names = Object.keys(value);
  const lacks = required.find((name) => !names.includes(name));
  const extra = names.find((name) => !required.includes(name) && !optional.includes(name));
  if (lacks !== undefined || extra !== undefined) throw malformed(`the field ${lacks ?? extra} is missing or unknown`);
  return value;
}

export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function textOf(value: Json | undefined): string {
  if (typeof value !== "string") throw malformed("something that should be a text is not");
  return value;
}

export function listOf(value: Json | undefined): readonly Json[] {
  if (!Array.isArray(value)) throw malformed("something that should be a list is not");
  return value as readonly Json[];
}

/** A whole number from 0 that every language holds exactly. */
export function countOf(value: Json | undefined): number {
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 0) {
    throw malformed("something that should be a whole number is not");
  }
  return value;
}

/** The text of so many bytes. */
export function bytesOf(value: Json | undefined, length: number): string {
  const text = textOf(value);
  if (fromB64uOf(text, length) === undefined) throw malformed(`something that should be ${length} bytes is not`);
  return text;
}

export function idOf(value: Json | undefined): string {
  return bytesOf(value, 32);
}

/** Ids, ascending and at most so many. */
export function idsOf(value: Json | undefined, most: number): readonly string[] {
  const ids = listOf(value).map(idOf);
  if (ids.length > most || !areAscending(ids)) throw malformed("ids are too many or not ascending");
  return ids;
}

export function keyOf(value: Json | undefined): string {
  const text = textOf(value);
  if (!isDeviceKeyText(text)) throw malformed("something that should be a public key is not a usable one");
  return text;
}

export function momentOf(value: Json | undefined): string {
  const text = textOf(value);
  if (parseTimestamp(text) === undefined) throw malformed("a moment should look like 2026-01-31T12:00:00Z");
  return text;
}

export function roleOf(value: Json | undefined): Role {
  if (!isRole(value)) throw malformed("the role is unknown");
  return value;
}
