// The stock automerge-repo client, in memory, and a bare socket that speaks its protocol by hand.
import { Repo, cbor } from "@automerge/automerge-repo";
import { WebSocketClientAdapter } from "@automerge/automerge-repo-network-websocket";
import WebSocket from "ws";

import { until } from "./wait.mjs";

// The stock client waits five seconds between two tries; a test need not.
const RETRY_MS = 200;

/** A stock repository that syncs with one node; it ends with the test. */
export function stockRepo(context, authority, peerId) {
  const adapter = new WebSocketClientAdapter(`ws://${authority}/`, RETRY_MS);
  const repo = new Repo({ network: [adapter], ...(peerId ? { peerId } : {}) });
  context.after(async () => {
    // The stock adapter keeps a try that was due, and would dial for ever: the test would not end.
    adapter.connect = () => {};
    adapter.socket?.addEventListener("error", () => {});
    await repo.shutdown();
  });
  return repo;
}

/** Finds a document that a peer may have only in a moment. */
export function find(repo, url) {
  return until(`${url} is found`, async () => {
    const handle = await repo.find(url, { signal: AbortSignal.timeout(2_000) });
    return handle.isReady() && handle;
  });
}

/** A socket on which a test says what it wants. */
export class BareSocket {
  static async open(context, address) {
    const bare = new BareSocket();
    bare.received = [];
    bare.closed = undefined;
    bare.socket = new WebSocket(address);
    bare.socket.binaryType = "nodebuffer";
    bare.socket.on("message", (bytes, isBinary) => {
      if (isBinary) bare.received.push(cbor.decode(new Uint8Array(bytes)));
    });
    bare.socket.on("close", (code) => { bare.closed = code; });
    bare.socket.on("error", () => { bare.closed ??= -1; });
    context.after(() => bare.socket.terminate());
    await until(`a socket to ${address} opens`, () => bare.socket.readyState === WebSocket.OPEN || bare.closed);
    return bare;
  }

  send(message) { this.socket.send(cbor.encode(message)); }
  sendBytes(bytes) { this.socket.send(bytes); }

  join(peerId) {
    this.send({ type: "join", senderId: peerId, peerMetadata: {}, supportedProtocolVersions: ["1"] });
  }

  /** Waits for the first message of this type. */
  receives(type) {
    return until(`a message of type ${type}; so far ${this.received.map((message) => message.type)}`,
      () => this.received.find((message) => message.type === type));
  }
}
