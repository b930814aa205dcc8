// A sync server on automerge-repo, made as its documentation makes one: node automerge-repo.mjs PORT FOLDER
import { Repo } from "@automerge/automerge-repo";
import { NodeWSServerAdapter } from "@automerge/automerge-repo-network-websocket";
import { NodeFSStorageAdapter } from "@automerge/automerge-repo-storage-nodefs";
import { WebSocketServer } from "ws";

const [port, folder] = process.argv.slice(2);
const sockets = new WebSocketServer({ host: "127.0.0.1", port: Number(port) });
const repo = new Repo({
  network: [new NodeWSServerAdapter(sockets)],
  storage: new NodeFSStorageAdapter(folder),
  // A sync server does not press its documents on everybody.
  sharePolicy: async () => false,
});

process.once("SIGTERM", async () => {
  await repo.flush();
  process.exit(0);
});
