// Moments in signed JSON: RFC 3339, UTC, whole seconds, years 1970 to 9999.

const FORM = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z$/;

/** A moment of the clock as it stands in records. */
export function timestampOf(unixMs: number): string {
  return `${new Date(unixMs).toISOString().slice(0, 19)}Z`;
}

/** Milliseconds since 1970 began, when the text is a moment in the one form that is allowed. */
export function parseTimestamp(text: string): number | undefined {
  if (!FORM.test(text)) return undefined;
  const unixMs = Date.parse(text);
  // A day that does not exist rolls over, and then does not come back.
  return unixMs >= 0 && timestampOf(unixMs) === text ? unixMs : undefined;
}
