// What all views share: the client, the language, the place on the page's map.

import { type Catalogue, catalogue, isLanguage, type Language } from "../locales/index.ts";
import { askToStay, type TakeNewVersion } from "../offline.ts";
import type { Client } from "../sync/client.ts";
import type { Database } from "../sync/database.ts";
import { parseRoute, type Route } from "./route.ts";

/** Messages about others' changes come at most this often: a screen reader must not be talked over. */
const REMOTE_MESSAGE_MS = 10_000;

class App {
  client: Client | null = $state.raw(null);
  /** Grows when anything in the client has changed; views read it to look again. */
  version: number = $state(0);
  language: Language = $state("nl");
  route: Route = $state.raw({ name: "home" });
  /** Goes over to a newer version of the page that is ready. */
  newVersion: TakeNewVersion | null = $state.raw(null);
  /** Whether the browser promised to keep what is here; `null` before it was asked. */
  stays: boolean | null = $state(null);
  /** What the polite live region says. */
  message: string = $state("");
  private database: Database | null = null;
  private lastRemoteMessage = 0;
  private hasAsked = false;

  readonly words: Catalogue = $derived(catalogue(this.language));

  async begin(client: Client, database: Database): Promise<void> {
    this.database = database;
    const language = await database.get("settings", "language");
    if (isLanguage(language)) this.language = language;
    this.client = client;
    client.onChange(() => {
      this.version += 1;
      this.askToStay();
    });
    this.version += 1;
    this.askToStay();
  }

  /** Once there is something to lose. */
  private askToStay(): void {
    if (this.hasAsked || !this.client || this.client.book.all().length === 0) return;
    this.hasAsked = true;
    askToStay().then(
      (stays) => (this.stays = stays),
      () => (this.stays = false),
    );
  }

  /** The client, for views that exist only once it has started. */
  get running(): Client {
    if (!this.client) throw new Error("the app has not started yet");
    return this.client;
  }

  async speak(language: Language): Promise<void> {
    this.language = language;
    document.documentElement.lang = language;
    await this.database?.write([{ table: "settings", key: "language", value: language }]);
  }

  /** Follows the address. */
  follow(): void {
    this.route = parseRoute(location.hash);
  }

  /** A newer version of the page is ready; nothing that was written may be lost on the way to it. */
  offerVersion(take: TakeNewVersion): void {
    this.newVersion = () => {
      this.running.documents.keepAll().then(take, (fault: unknown) => {
        console.error("the page stays, since what was written could not be kept", fault);
        this.announce(this.words.app.storageFailed);
      });
    };
    this.announce(this.words.app.newVersion);
  }

  announce(message: string): void {
    // The same words twice must be heard twice.
    this.message = this.message === message ? `${message}\u00a0` : message;
  }

  announceRemote(message: string): void {
    const now = Date.now();
    if (now - this.lastRemoteMessage < REMOTE_MESSAGE_MS) return;
    this.lastRemoteMessage = now;
    this.announce(message);
  }
}

export const app = new App();
