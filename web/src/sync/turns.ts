// Asynchronous work in the order it was asked for.

/** Runs one piece of work after the other; a piece that fails does not stop the next. */
export class Turns {
  private last: Promise<unknown> = Promise.resolve();

  /** Runs `work` when all before it have ended. */
  take<T>(work: () => Promise<T> | T): Promise<T> {
    const turn = this.last.then(work);
    this.last = turn.catch(() => {});
    return turn;
  }
}
