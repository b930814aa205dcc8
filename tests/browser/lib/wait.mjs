// The one place where a test pauses: between two looks at a condition that has a deadline.
import { setTimeout as pause } from "node:timers/promises";

// Long enough for a machine that builds something else meanwhile; a test that passes never waits it out.
const DEADLINE_MS = 30_000;
const PAUSE_MS = 25;

/**
 * Looks again and again until `look` returns something truthy, and returns that.
 * An error of `look` counts as "not yet"; the last one is part of the message when the deadline passes.
 */
export async function until(what, look, { deadlineMs = DEADLINE_MS } = {}) {
  const end = performance.now() + deadlineMs;
  let last;
  for (;;) {
    try {
      const seen = await look();
      if (seen) return seen;
      last = seen;
    } catch (error) {
      last = error;
    }
    if (performance.now() > end) {
      const shown = last instanceof Error ? (last.stack ?? last.message) : JSON.stringify(last);
      throw new Error(`waited ${deadlineMs} ms for: ${what}; last seen: ${shown}`);
    }
    await pause(PAUSE_MS);
  }
}

/** Waits until `read` returns the expected text; the message shows both when it never does. */
export async function untilEqual(what, read, expected, options) {
  let last;
  try {
    return await until(what, async () => {
      last = await read();
      return last === expected;
    }, options);
  } catch (error) {
    throw new Error(`${error.message}\n  expected: ${JSON.stringify(expected)}\n  last:     ${JSON.stringify(last)}`);
  }
}
