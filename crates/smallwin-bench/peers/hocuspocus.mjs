// Hocuspocus with the durable storage that it ships: node hocuspocus.mjs PORT FOLDER
import { SQLite } from "@hocuspocus/extension-sqlite";
import { Server } from "@hocuspocus/server";

const [port, folder] = process.argv.slice(2);
await new Server({
  address: "127.0.0.1",
  port: Number(port),
  quiet: true,
  // Five hundred documents on one connection would be refused else.
  maxPendingDocuments: 1_000_000,
  maxUnauthenticatedQueueMessages: 1_000_000,
  extensions: [new SQLite({ database: `${folder}/documents.sqlite` })],
}).listen();
