// A person at a page: does what people do there, and reads what it tells them.
import { Editor } from "./editor.mjs";
import { until } from "./wait.mjs";

export class Person {
  /**
   * Opens the node's pairing link in a fresh browser profile and gives a name.
   * With `script` the page runs that instead of its own; with `authority` it is reached under that name.
   */
  static async pair(browser, node, name, { script, authority = node.authority } = {}) {
    const person = new Person();
    person.name = name;
    // What the service worker keeps would come before the script.
    const serviceWorkers = script ? "block" : "allow";
    person.context = await browser.newContext({ locale: "nl-NL", acceptDownloads: true, serviceWorkers });
    if (script) await person.context.route("**/assets/index-*.js", (route) => route.fulfill({ path: script }));
    person.page = await person.context.newPage();
    person.complaints = [];
    person.page.on("pageerror", (error) => person.complaints.push(String(error)));
    person.page.on("console", (message) => {
      if (message.type() === "error") person.complaints.push(message.text());
    });
    await person.page.goto((await node.must(["pair"])).trim().replace(node.authority, authority));
    await person.page.getByTestId("name-input").fill(name);
    await person.page.getByTestId("name-submit").click();
    await person.page.getByTestId("new-link").waitFor();
    return person;
  }

  /** Begins a Small Win. */
  async begin(title) {
    await this.page.getByTestId("new-link").click();
    await this.page.getByTestId("new-title").fill(title);
    await this.page.getByTestId("new-submit").click();
    await this.#entered(title);
  }

  /** Makes an invitation and returns its link. */
  async invite(role) {
    await this.#go("circle");
    await this.page.getByTestId(`invite-role-${role}`).check();
    const url = this.page.getByTestId("invite-url");
    const before = await url.isVisible() ? await url.inputValue() : "";
    await this.page.getByTestId("invite-create").click();
    return until("the page shows a new invitation", async () => {
      const link = await url.inputValue();
      return link !== before && link;
    });
  }

  /** Takes an invitation up to the point where the page says that it will not do; returns the code. */
  async tryToJoin(link) {
    await this.page.getByTestId("paste-link").fill(link);
    await this.page.getByTestId("paste-submit").click();
    const error = this.page.getByTestId("join-error");
    const submit = this.page.getByTestId("join-submit");
    await error.or(submit).waitFor();
    if (await submit.isVisible()) await submit.click();
    return until(`${this.name} is told that the invitation does not hold`, () => error.getAttribute("data-code"));
  }

  /** Takes an invitation. */
  async join(link, title) {
    await this.page.getByTestId("paste-link").fill(link);
    await this.page.getByTestId("paste-submit").click();
    await this.page.getByTestId("join-submit").click();
    await this.page.getByTestId("join-open").click();
    await this.#entered(title);
  }

  async #entered(title) {
    const heading = this.page.getByTestId("small-win-title");
    await until(`${this.name} sees "${title}"`, async () => {
      if (await heading.count() > 0 && (await heading.textContent()) === title) return true;
      throw new Error(`the page says: ${await this.pageText()}\nand complains: ${this.complaints.join("; ")}`);
    });
    [, this.circle] = new URL(this.page.url()).hash.match(/^#\/sw\/([^/]+)/);
  }

  /** The shared answer to a question of the check-in, with the caret in it. */
  async answer(question) { return this.#field(`check-in/${question}`, `checkin-${question}-shared`); }

  /** The own answer to a question. */
  async voice(question) { return this.#field(`check-in/${question}`, `checkin-${question}-voice`); }

  /** A text of the meaningful step. */
  async step(text) { return this.#field("step", `step-${text}`); }

  async #field(place, testId) {
    await this.#go(place);
    const editor = new Editor(this.page, testId);
    await editor.field.waitFor();
    if (await editor.isEditable()) await editor.caretAtEnd();
    return editor;
  }

  async openCheckIn(question = "q1") { await this.#go(`check-in/${question}`); }
  async openStep() { await this.#go("step"); }

  async #go(place) {
    await this.page.evaluate((hash) => { location.hash = hash; }, `#/sw/${this.circle}/${place}`);
  }

  /** Shares the own answers. */
  async share(question) {
    await this.openCheckIn(question);
    await this.page.getByTestId("share-voice").click();
    await this.page.getByTestId("share-confirm").click();
    await this.page.getByTestId("share-voice").waitFor({ state: "detached" });
  }

  /** Fixes the step. */
  async snapshot(title) {
    await this.openStep();
    await this.page.getByTestId("snapshot-title").fill(title);
    await this.page.getByTestId("snapshot-submit").click();
    await this.page.getByTestId("snapshot-done").waitFor();
  }

  /** Agrees to the newest snapshot. */
  async cosign() {
    await this.openStep();
    await this.page.getByTestId("cosign-submit").first().click();
    await this.page.getByTestId("cosigned").first().waitFor();
  }

  /** Who signed the newest snapshot, as the page says it. */
  async signers() {
    await this.openStep();
    return this.page.getByTestId("signers").first().locator("li").allTextContents();
  }

  /** Saves the file of the newest snapshot. */
  async download(file) {
    await this.openStep();
    const coming = this.page.waitForEvent("download");
    await this.page.getByTestId("snapshot-download").first().click();
    await (await coming).saveAs(file);
  }

  /** Lets the page check a snapshot file that holds; returns what the page says of it. */
  async verify(file) { return this.#verify(file, "verify-good"); }

  /** Lets the page check a snapshot file that does not hold; returns what the page says of it. */
  async verifyFails(file) { return this.#verify(file, "verify-bad"); }

  async #verify(file, answer) {
    await this.page.evaluate(() => { location.hash = "#/verify"; });
    await this.page.getByTestId("verify-file").setInputFiles(file);
    await this.page.getByTestId(answer).waitFor();
    return this.page.locator("main").innerText();
  }

  /** What the page shows as refused: its text, or nothing. */
  async refused() { return (await this.page.getByTestId("refused-text").allTextContents()).join("\n"); }

  /** Cuts this page from its node, as a phone in a tunnel. */
  async offline() {
    await this.context.setOffline(true);
    await until(`${this.name}'s page says that it is offline`, async () => /Offline/.test(await this.status()));
  }

  async online() {
    await this.context.setOffline(false);
    await until(`${this.name}'s page is connected again`, async () => !/Offline/.test(await this.status()));
  }

  /** Loads the page again, as after a break. */
  async reload() { await this.page.reload(); }

  /** Waits until the browser could open the page without a network. */
  untilPageIsKept() {
    return until(`${this.name}'s browser keeps the page`, () =>
      this.page.evaluate(() => navigator.serviceWorker.controller?.state === "activated"));
  }

  status() { return this.page.getByTestId("status-line").textContent(); }

  /** What an editor shows and what the page says of it, at one moment. */
  statusAndText(testId) {
    return this.page.evaluate((testId) => {
      const find = (id) => document.querySelector(`[data-testid="${id}"]`)?.textContent ?? "";
      return { status: find("status-line"), text: find(testId) };
    }, testId);
  }

  /** Waits until the page says that the node has it all on its disk. */
  untilKept() {
    return until(`${this.name}'s page says that it is kept`, async () => /computer|Gedeeld/.test(await this.status()));
  }

  /** Waits until the page says that somebody else has it too. */
  untilShared() {
    return until(`${this.name}'s page says that it is shared`, async () => /Gedeeld met 1/.test(await this.status()));
  }

  pageText() { return this.page.locator("body").innerText(); }
}
