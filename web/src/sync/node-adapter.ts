// Lets the repo speak to our node. What the repo sends passes `before`, which keeps and
// signs what the message is about to tell; nothing is told that is not kept (K1).

import { type Message, NetworkAdapter, type PeerId } from "@automerge/automerge-repo/slim";
import type { Channel, NodeSocket } from "./node-socket.ts";
import type { Outgoing, RepoFrame } from "./wire.ts";

export class NodeAdapter extends NetworkAdapter {
  private channel: Channel | null = null;

  constructor(
    private readonly socket: () => NodeSocket,
    private readonly before: (documentId: string, channel: Channel) => Promise<readonly Outgoing[]>,
  ) {
    super();
  }

  override isReady(): boolean {
    return true;
  }

  override async whenReady(): Promise<void> {
    // Documents open from this device; nothing waits for the network.
  }

  override connect(peerId: PeerId): void {
    this.peerId = peerId;
  }

  override disconnect(): void {
    if (this.channel) this.lost(this.channel);
  }

  override send(message: Message): void {
    const { channel } = this;
    if (!channel || message.targetId !== channel.peerId) return;
    this.socket().send(channel, async () => {
      const { documentId, type } = message;
      const first = documentId && (type === "sync" || type === "request") ? await this.before(documentId, channel) : [];
      return [...first, message as unknown as Outgoing];
    });
  }

  ready(channel: Channel): void {
    this.channel = channel;
    this.emit("peer-candidate", { peerId: channel.peerId as PeerId, peerMetadata: { isEphemeral: true } });
  }

  lost(channel: Channel): void {
    if (this.channel !== channel) return;
    this.channel = null;
    this.emit("peer-disconnected", { peerId: channel.peerId as PeerId });
  }

  receive(frame: RepoFrame): void {
    this.emit("message", frame as unknown as Message);
  }
}
