// Small things on bytes, beside those of the circle.

export { concat, fromB64u, sameBytes, toB64u } from "../circle/bytes.ts";

export function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

export function fromHex(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(text.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}

/** Cuts a row of equally long byte strings; `null` when it does not come out even. */
export function cut(row: Uint8Array, length: number): Uint8Array[] | null {
  if (row.length % length !== 0) return null;
  return Array.from({ length: row.length / length }, (_, at) => row.slice(at * length, (at + 1) * length));
}

export function randomBytes(length: number): Uint8Array<ArrayBuffer> {
  return crypto.getRandomValues(new Uint8Array(length));
}
