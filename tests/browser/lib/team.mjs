// Two people with a node and a page each, in one Small Win, over a wire that can be cut.
import { startBrowser } from "./browser.mjs";
import { RunningNode, freePort } from "./node.mjs";
import { Person } from "./person.mjs";
import { Wire } from "./proxy.mjs";

export const TITLE = "Thuiskomen na een opname";

/** Noor begins a Small Win on her node; Anke joins it from hers with this role, perhaps with a script of her own. */
export async function meet(context, { role, script }) {
  const browser = await startBrowser(context);
  const port = await freePort();
  const wire = await Wire.to(context, port);
  const names = [wire.authority, `127.0.0.1:${port}`];
  const nodes = [
    await RunningNode.start(context, { port, names }),
    await RunningNode.start(context),
  ];
  const noor = await Person.pair(browser, nodes[0], "Noor Hakvoort");
  const anke = await Person.pair(browser, nodes[1], "Anke Dollekamp", { script });
  await noor.begin(TITLE);
  const link = await noor.invite(role);
  // Whatever address the node prefers to give, the hint must lead over the wire.
  const [before, hints] = splitLast(link, ".");
  await anke.join(`${before}.${hints.replaceAll(`%3A${port}`, `%3A${wire.port}`)}`, TITLE);
  return { noor, anke, nodes, wire, browser };
}

function splitLast(text, mark) {
  const at = text.lastIndexOf(mark);
  return [text.slice(0, at), text.slice(at + 1)];
}
