// How long a keystroke takes from one page to the other over two nodes, each with its own disk, against two baselines
// of the same run: bare pages that echo through one process, and the stock automerge-repo client with its own server.
import { createServer } from "node:http";
import { Repo } from "@automerge/automerge-repo";
import { NodeWSServerAdapter, WebSocketClientAdapter } from "@automerge/automerge-repo-network-websocket";
import { WebSocketServer } from "ws";

import { startBrowser } from "../browser/lib/browser.mjs";
import { meet } from "../browser/lib/team.mjs";
import { find } from "../browser/lib/stock.mjs";
import { startEcho } from "./echo.mjs";
import { KEY_DOWN_MS, STROKES, keystrokes, quantile } from "./measure.mjs";

// The median below which two people feel that they write in one text.
const MEDIAN_MS_MAX = 100;

const cleanups = [];
const context = { after: (clean) => cleanups.unshift(clean) };

try {
  const ours = await overTwoNodes();
  const echo = await overEcho();
  const stock = await overStock();
  print("ours: page, node, node, page; signed, checked, on two disks", ours);
  print("bare echo: page, process, page; nothing kept", echo);
  print("stock automerge-repo: client, its server, client; no page, no disk", stock);
  const median = quantile(ours, 0.5);
  console.log(`ratio to the bare echo ${(median / quantile(echo, 0.5)).toFixed(1)}, `
    + `to stock automerge-repo ${(median / quantile(stock, 0.5)).toFixed(2)}`);
  if (median >= MEDIAN_MS_MAX) {
    console.error(`the median is ${median.toFixed(0)} ms; it must stay below ${MEDIAN_MS_MAX} ms`);
    process.exitCode = 1;
  }
} finally {
  for (const clean of cleanups) await clean();
  // The stock server and clients keep timers that nothing ends.
  process.exit();
}

async function overTwoNodes() {
  const { noor, anke } = await meet(context, { role: "inner" });
  const here = await noor.answer("q1");
  await anke.answer("q1");
  await here.caretAtEnd();
  const field = "[data-testid=checkin-q1-shared]";
  return keystrokes(noor.page, field, anke.page, field);
}

async function overEcho() {
  const echo = await startEcho();
  context.after(echo.stop);
  const browser = await startBrowser(context);
  const pages = [];
  for (let number = 0; number < 2; number += 1) {
    const page = await (await browser.newContext()).newPage();
    await page.goto(echo.origin);
    await page.waitForFunction(() => document.title === "open");
    pages.push(page);
  }
  return keystrokes(pages[0], "textarea", pages[1], "pre");
}

async function overStock() {
  const server = createServer();
  const sockets = new WebSocketServer({ server });
  const relay = new Repo({ network: [new NodeWSServerAdapter(sockets)], sharePolicy: async () => false });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  context.after(() => {
    for (const socket of sockets.clients) socket.terminate();
    server.close();
  });
  const client = () => {
    const repo = new Repo({ network: [new WebSocketClientAdapter(`ws://127.0.0.1:${server.address().port}`)] });
    context.after(() => repo.shutdown());
    return repo;
  };
  context.after(() => relay.shutdown());
  const here = client().create({ text: "" });
  const there = await find(client(), here.url);
  const times = [];
  for (let stroke = 0; stroke < STROKES; stroke += 1) {
    const seen = new Promise((done) => { there.once("change", () => done(performance.now())); });
    const pressed = performance.now();
    here.change((doc) => { doc.text += "x"; });
    const [shown] = await Promise.all([seen, new Promise((done) => { setTimeout(done, KEY_DOWN_MS); })]);
    times.push(shown - pressed);
  }
  return times.sort((one, other) => one - other);
}

function print(what, times) {
  const [median, late] = [quantile(times, 0.5), quantile(times, 0.95)];
  console.log(`  median ${median.toFixed(1).padStart(6)} ms, 95% within ${late.toFixed(1).padStart(6)} ms  ${what}`);
}
