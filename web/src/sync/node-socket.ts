// One WebSocket to the node that served this page: dials, proves both ends to each
// other, notices when the node is gone, and dials again.

import { verify } from "../circle/keys.ts";
import { channelMessage, channelTranscript } from "../circle/messages.ts";
import { randomBytes } from "./bytes.ts";
import type { Identity } from "./identity.ts";
import {
  ANSWER_MS_MAX,
  HANDSHAKE_MS_MAX,
  QUEUE_BYTES_MAX,
  RETRY_MS_MAX,
  RETRY_MS_MIN,
  SILENCE_MS_MAX,
  SOCKET_BYTES_MAX,
  UNPLUGGED_ANSWER_MS_MAX,
} from "./limits.ts";
import { Turns } from "./turns.ts";
import { decodeFrame, encodeFrame, type Incoming, type Outgoing } from "./wire.ts";

/** A proved connection. */
export interface Channel {
  /** The node's peer id; another one on each connection. */
  readonly peerId: string;
  readonly nodeKey: Uint8Array;
  /** Binds what is signed on this connection to it. */
  readonly transcript: Uint8Array;
}

export interface NodeSocketEvents {
  ready(channel: Channel): void;
  /** Called with each frame after the handshake, in order; the next waits for it. */
  frame(frame: Incoming, channel: Channel): Promise<void> | void;
  lost(channel: Channel): void;
  /** Whether there is a connection may have changed. */
  changed(): void;
}

export interface NodeSocketOptions {
  readonly url: string;
  /** `host:port` as dialled; the node must know it as one of its names. */
  readonly authority: string;
  readonly identity: Identity;
  readonly peerId: string;
  /** Replaced in tests. */
  readonly dial?: (url: string) => WebSocket;
}

/** Asked when the node was silent for long; any answer will do, "unknown question" too. */
const ALIVE: Outgoing = { type: "smallwin/ask", what: "alive" };

/** The state of a socket that takes bytes. */
const OPEN = 1;

export class NodeSocket {
  private socket: WebSocket | null = null;
  private channel: Channel | null = null;
  private outbox = new Turns();
  private queuedBytes = 0;
  private failures = 0;
  private retry: ReturnType<typeof setTimeout> | undefined;
  private silence: ReturnType<typeof setTimeout> | undefined;
  private closed = false;

  constructor(
    private readonly options: NodeSocketOptions,
    private readonly events: NodeSocketEvents,
  ) {}

  get isReady(): boolean {
    return this.channel !== null;
  }

  start(): void {
    globalThis.addEventListener?.("online", this.wake);
    globalThis.addEventListener?.("offline", this.unplugged);
    globalThis.document?.addEventListener("visibilitychange", this.wake);
    this.dial();
  }

  stop(): void {
    this.closed = true;
    globalThis.removeEventListener?.("online", this.wake);
    globalThis.removeEventListener?.("offline", this.unplugged);
    globalThis.document?.removeEventListener("visibilitychange", this.wake);
    clearTimeout(this.retry);
    this.drop();
  }

  /**
   * Sends a frame after all before it. `make` may take its time, such as to keep and
   * to sign; it gives `null` when there is nothing to send after all.
   */
  send(channel: Channel, make: () => Promise<readonly Outgoing[]> | readonly Outgoing[]): void {
    void this.outbox.take(async () => {
      if (this.channel !== channel) return;
      try {
        for (const frame of await make()) await this.write(channel, frame);
      } catch (fault) {
        // A frame that cannot be made would leave a gap in an ordered exchange.
        console.error("a frame could not be sent", fault);
        this.fail();
      }
    });
  }

  private async write(channel: Channel, frame: Outgoing): Promise<void> {
    const bytes = encodeFrame({ senderId: this.options.peerId, targetId: channel.peerId, ...frame });
    this.queuedBytes += bytes.length;
    if (this.queuedBytes > QUEUE_BYTES_MAX) this.fail();
    while (this.channel === channel && this.socket && this.socket.bufferedAmount > SOCKET_BYTES_MAX) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    this.queuedBytes -= bytes.length;
    if (this.channel === channel && this.socket?.readyState === OPEN) this.socket.send(bytes);
  }

  private dial(): void {
    if (this.closed || this.socket) return;
    clearTimeout(this.retry);
    const socket = (this.options.dial ?? ((url) => new WebSocket(url)))(this.options.url);
    socket.binaryType = "arraybuffer";
    this.socket = socket;
    const inbox = new Turns();
    const nonce = randomBytes(32);
    const isCurrent = () => this.socket === socket;
    this.listenFor(HANDSHAKE_MS_MAX, () => this.fail());
    socket.onopen = () => socket.send(encodeFrame(this.join(nonce)));
    socket.onmessage = (event: MessageEvent<unknown>) => {
      void inbox.take(async () => {
        if (!isCurrent()) return;
        try {
          const { data } = event;
          if (!(data instanceof ArrayBuffer)) throw new Error("the node sent text");
          await this.receive(decodeFrame(new Uint8Array(data)), nonce);
        } catch (fault) {
          console.error("the node sent something that cannot be read", fault);
          if (isCurrent()) this.fail();
        }
      });
    };
    socket.onclose = () => {
      if (isCurrent()) this.fail();
    };
  }

  private join(nonce: Uint8Array): Outgoing {
    const { identity, authority, peerId } = this.options;
    return {
      type: "join",
      senderId: peerId,
      peerMetadata: { isEphemeral: true },
      supportedProtocolVersions: ["1"],
      smallwin: { v: 1, key: identity.signer.key, nonce, channel: authority },
    };
  }

  private async receive(frame: Incoming, nonce: Uint8Array): Promise<void> {
    if (this.channel) {
      this.heard();
      await this.events.frame(frame, this.channel);
    } else if (frame.type === "peer") {
      await this.greeted(frame, nonce);
    } else if (frame.type === "error") {
      throw new Error(`the node refused the connection: ${frame.message}`);
    }
  }

  /** Checks the node's proof, gives ours, and opens the channel. */
  private async greeted(frame: Incoming & { type: "peer" }, nonce: Uint8Array): Promise<void> {
    const { socket } = this;
    const { identity, authority, peerId } = this.options;
    if (!frame.hello) throw new Error("the node does not prove who it is");
    const { key, nonce: theirs, proof } = frame.hello;
    const transcript = channelTranscript(identity.signer.key, key, nonce, theirs, authority);
    if (!(await verify(key, channelMessage("listener", transcript), proof))) {
      throw new Error("the node's proof does not fit");
    }
    const answer = await identity.signer.sign(channelMessage("dialer", transcript));
    if (this.socket !== socket || !socket) return;
    socket.send(encodeFrame({ type: "smallwin/auth", senderId: peerId, targetId: frame.senderId, proof: answer }));
    this.channel = { peerId: frame.senderId, nodeKey: key, transcript };
    this.outbox = new Turns();
    this.queuedBytes = 0;
    this.failures = 0;
    this.heard();
    this.events.ready(this.channel);
    this.events.changed();
  }

  private heard(): void {
    this.listenFor(SILENCE_MS_MAX, () => this.doubt(ANSWER_MS_MAX));
  }

  /** Asks whether the node is still there. */
  private doubt(answerMs: number): void {
    const { channel } = this;
    if (!channel) return;
    this.send(channel, () => [ALIVE]);
    this.listenFor(answerMs, () => this.fail());
  }

  /** The network is gone; a node on this very computer may still answer, and then at once. */
  private readonly unplugged = (): void => this.doubt(UNPLUGGED_ANSWER_MS_MAX);

  /** The network is back, or the page is looked at again: try now. */
  private readonly wake = (): void => {
    if (globalThis.document?.visibilityState === "hidden") return;
    if (this.channel) this.doubt(ANSWER_MS_MAX);
    else if (!this.socket) this.dial();
  };

  private listenFor(wait: number, then: () => void): void {
    clearTimeout(this.silence);
    this.silence = setTimeout(then, wait);
  }

  /** Gives this connection up and dials again after a while. */
  private fail(): void {
    this.drop();
    if (this.closed) return;
    const wait = Math.min(RETRY_MS_MAX, RETRY_MS_MIN * 2 ** this.failures);
    this.failures += 1;
    // Half of it at random, so that pages do not come back all at once.
    this.retry = setTimeout(() => this.dial(), wait * (0.5 + Math.random() / 2));
  }

  private drop(): void {
    clearTimeout(this.silence);
    clearTimeout(this.retry);
    const { socket, channel } = this;
    this.socket = null;
    this.channel = null;
    if (socket) {
      socket.onopen = socket.onmessage = socket.onclose = null;
      socket.close();
    }
    if (channel) this.events.lost(channel);
    this.events.changed();
  }
}
