// One text field of a page, as a person uses it: a caret, keys, and what stands there.

export class Editor {
  constructor(page, testId) {
    this.page = page;
    this.field = page.getByTestId(testId);
  }

  /** Types letter by letter where the caret stands. */
  async type(text, options) { await this.page.keyboard.type(text, options); }
  async enter() { await this.page.keyboard.press("Enter"); }
  async backspace() { await this.page.keyboard.press("Backspace"); }
  async keys(combination) { await this.page.keyboard.press(combination); }

  /** Puts the caret before these words. */
  async caretBefore(words) {
    await this.field.evaluate((field, words) => {
      field.focus();
      const walker = document.createTreeWalker(field, NodeFilter.SHOW_TEXT);
      for (let node = walker.nextNode(); node; node = walker.nextNode()) {
        const at = node.data.indexOf(words);
        if (at >= 0) {
          getSelection().collapse(node, at);
          return;
        }
      }
      throw new Error(`"${words}" is not in: ${field.textContent}`);
    }, words);
    await this.#settle();
  }

  /** Puts the caret behind the last letter. */
  async caretAtEnd() {
    await this.field.evaluate((field) => {
      field.focus();
      const selection = getSelection();
      selection.selectAllChildren(field.lastElementChild ?? field);
      selection.collapseToEnd();
    });
    await this.#settle();
  }

  /** The paragraphs as they are shown. */
  paragraphs() {
    return this.field.evaluate((field) => [...field.querySelectorAll(":scope > p")].map((each) => each.textContent));
  }

  async text() { return (await this.paragraphs()).join("\n\n"); }
  html() { return this.field.innerHTML(); }
  isEditable() { return this.field.evaluate((field) => field.isContentEditable); }

  /** The editor hears of a new selection by an event that comes after the next frame. */
  #settle() {
    return this.page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
  }
}
