// Times keystrokes from the key event in one page to the changed text in another, on the one clock of this machine.

export const STROKES = 120;
// How long a key stays down: seven letters a second, as fast writers do.
export const KEY_DOWN_MS = 140;
// The first strokes open documents and warm up the compilers.
const WARM_UP = 20;
// Distinct letters, so that a page that shows an old text is never taken for one that shows the new.
const LETTERS = "abcdefghijklmnopqrstuvwxyz";

/** Waits in a page until the text of `selector` holds one letter more, and says when that was. */
async function watch(page, selector) {
  await page.evaluate((selector) => {
    const shown = document.querySelector(selector);
    window.seen = new Promise(() => {});
    window.expectText = (length) => {
      window.seen = new Promise((done) => {
        const look = () => {
          if (shown.textContent.length >= length) {
            observer.disconnect();
            done(performance.timeOrigin + performance.now());
          }
        };
        const observer = new MutationObserver(look);
        observer.observe(shown, { childList: true, characterData: true, subtree: true });
        look();
      });
    };
  }, selector);
}

async function listen(page) {
  await page.evaluate(() => {
    document.addEventListener("keydown", () => { window.pressed = performance.timeOrigin + performance.now(); }, true);
  });
}

/** Types letter by letter in one page and returns the milliseconds until each is visible in the other. */
export async function keystrokes(from, field, to, shown) {
  await from.bringToFront();
  await from.locator(field).focus();
  await listen(from);
  await watch(to, shown);
  const times = [];
  let length = await to.evaluate((selector) => document.querySelector(selector).textContent.length, shown);
  for (let stroke = 0; stroke < STROKES; stroke += 1) {
    length += 1;
    await to.evaluate((length) => window.expectText(length), length);
    await from.keyboard.press(LETTERS[stroke % LETTERS.length], { delay: KEY_DOWN_MS });
    const seen = await to.evaluate(() => window.seen);
    const pressed = await from.evaluate(() => window.pressed);
    if (stroke >= WARM_UP) times.push(seen - pressed);
  }
  return times.sort((one, other) => one - other);
}

/** The value below which this part of the sorted times lies. */
export function quantile(sorted, part) {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))];
}
