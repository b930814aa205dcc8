// Other tabs of this browser profile. What goes to them is kept and signed first, so
// that each of them can pass it on.

import type { Message } from "@automerge/automerge-repo/slim";
import { BroadcastChannelNetworkAdapter } from "@automerge/automerge-repo-network-broadcastchannel";
import { Turns } from "./turns.ts";

/** How long a repo would wait for other tabs; ours opens documents from storage and waits for none. */
const PEER_WAIT_MS = 1;

export class TabsAdapter extends BroadcastChannelNetworkAdapter {
  private readonly turns = new Turns();

  constructor(private readonly keep: (documentId: string) => Promise<void>) {
    super({ channelName: "smallwin-documents", peerWaitMs: PEER_WAIT_MS });
  }

  override send(message: Message): false | undefined {
    void this.turns.take(async () => {
      if (message.documentId) await this.keep(message.documentId);
      super.send(message as Parameters<BroadcastChannelNetworkAdapter["send"]>[0]);
    });
    return undefined;
  }
}
