// Records that wait for a record they name.

import { blake3 } from "@noble/hashes/blake3.js";
import { toB64u } from "./bytes.ts";
import type { RecordId } from "./ids.ts";
import { PENDING_BYTES_MAX, PENDING_MAX } from "./limits.ts";
import type { SignedRecord } from "./record.ts";

/**
 * A bounded waiting room. When it is full, who waited longest leaves: records that never fit must not keep
 * out those that will, and a peer sends again what is still missing.
 */
export class Pending {
  /** By the hash of the record's bytes, oldest first: two joins that differ in their accepter both wait. */
  private readonly waiting = new Map<string, { readonly record: SignedRecord; readonly missing: RecordId }>();
  private readonly byMissing = new Map<RecordId, Set<string>>();
  private held = 0;

  get count(): number {
    return this.waiting.size;
  }

  get bytes(): number {
    return this.held;
  }

  /** Lets a record wait for `missing`. */
  add(record: SignedRecord, missing: RecordId): void {
    const name = toB64u(blake3(record.bytes));
    if (this.waiting.has(name)) return;
    this.waiting.set(name, { record, missing });
    this.byMissing.set(missing, (this.byMissing.get(missing) ?? new Set()).add(name));
    this.held += record.bytes.length;
    for (const oldest of this.waiting.keys()) {
      if (this.count <= PENDING_MAX && this.held <= PENDING_BYTES_MAX) break;
      this.remove(oldest);
    }
  }

  /** Takes out the records that waited for this one. */
  take(arrived: RecordId): SignedRecord[] {
    const names = [...(this.byMissing.get(arrived) ?? [])];
    return names.map((name) => this.remove(name)).filter((record) => record !== undefined);
  }

  private remove(name: string): SignedRecord | undefined {
    const found = this.waiting.get(name);
    if (found === undefined) return undefined;
    this.waiting.delete(name);
    this.held -= found.record.bytes.length;
    const names = this.byMissing.get(found.missing);
    names?.delete(name);
    if (names?.size === 0) this.byMissing.delete(found.missing);
    return found.record;
  }
}
