// One Chromium for a test file; each person is a context of their own, with their own keys and storage.
import { chromium } from "playwright-core";

const PROGRAM = process.env.SMALLWIN_TEST_CHROMIUM ?? "/usr/bin/chromium";

// Without these Chromium looks for its maker's hosts at every start.
const ARGUMENTS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--disable-dev-shm-usage",
];

/** Starts Chromium without a window; it ends with the test. */
export async function startBrowser(context) {
  const browser = await chromium.launch({ executablePath: PROGRAM, headless: true, args: ARGUMENTS });
  context.after(() => browser.close());
  return browser;
}
