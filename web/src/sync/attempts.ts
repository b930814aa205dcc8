// How often something that may pass by itself was tried again.

const ATTEMPTS_MAX = 5;

export class Attempts {
  private readonly counts = new Map<string, number>();

  /** Counts one more; tells whether there may be one more. */
  again(name: string): boolean {
    const count = (this.counts.get(name) ?? 0) + 1;
    this.counts.set(name, count);
    return count <= ATTEMPTS_MAX;
  }
}
