// Starts the page: WebAssembly, the client, the views.

import { initializeWasm } from "@automerge/automerge/slim";
import wasmUrl from "@automerge/automerge/automerge.wasm?url";
import { mount } from "svelte";
import "./styles/tokens.css";
import "./styles/base.css";
import { keepPage } from "./offline.ts";
import { Client } from "./sync/client.ts";
import { openDatabase } from "./sync/database.ts";
import AppView from "./views/App.svelte";
import { app } from "./views/app.svelte.ts";
import { takeFragment } from "./views/arrival.ts";

// First of all: a secret in the address must not stay there, nor reach the history.
const arrival = takeFragment();

const place = document.getElementById("app");
if (!place) throw new Error("the page has no place for the app");
mount(AppView, { target: place, props: { arrival, start } });

async function start(): Promise<void> {
  const [database] = await Promise.all([openDatabase(), initializeWasm(wasmUrl)]);
  const { host, hostname, port, protocol } = location;
  const scheme = protocol === "https:" ? "wss" : "ws";
  const client = await Client.start({
    database,
    url: `${scheme}://${host}/sync`,
    authority: `${hostname}:${port || (protocol === "https:" ? "443" : "80")}`,
    tabs: true,
  });
  await app.begin(client, database);
  keepPage((take) => app.offerVersion(take)).catch((fault: unknown) => {
    // The page works all the same, as long as there is a network.
    console.warn("this browser does not keep the page", fault);
  });
}
