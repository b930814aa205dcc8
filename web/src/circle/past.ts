// The set of records before a record, by their places in the ledger.

const WORD = 32;
const FULL = -1;

/**
 * A set of places: all below a bound, and some above it. A record whose author had seen everything has a
 * past without `rest`, so an honest log costs next to nothing.
 */
export class Past {
  /** How many words of places are full. */
  private full = 0;
  /** The words after them. */
  private rest: number[] = [];

  /** Whether the record at this place is in the past. */
  has(place: number): boolean {
    const word = Math.floor(place / WORD);
    return word < this.full || (((this.rest[word - this.full] ?? 0) >> (place % WORD)) & 1) === 1;
  }

  /** Adds one place. */
  add(place: number): void {
    const at = Math.floor(place / WORD) - this.full;
    if (at < 0) return;
    while (this.rest.length <= at) this.rest.push(0);
    this.rest[at] = (this.rest[at] ?? 0) | (1 << (place % WORD));
    this.settle();
  }

  /** Adds every place of another past. */
  join(other: Past): void {
    if (other.full > this.full) {
      this.rest.splice(0, other.full - this.full);
      this.full = other.full;
    }
    const skip = this.full - other.full;
    for (let at = skip; at < other.rest.length; at += 1) {
      this.rest[at - skip] = (this.rest[at - skip] ?? 0) | (other.rest[at] ?? 0);
    }
    this.settle();
  }

  /** The places, ascending. */
  *places(): Generator<number> {
    const end = (this.full + this.rest.length) * WORD;
    for (let place = 0; place < end; place += 1) if (this.has(place)) yield place;
  }

  private settle(): void {
    let full = 0;
    while (this.rest[full] === FULL) full += 1;
    if (full > 0) this.rest.splice(0, full);
    this.full += full;
  }
}
