// Pairing this browser with its own node, and asking that node questions.

import type { DeviceKey } from "../circle/ids.ts";
import { verify } from "../circle/keys.ts";
import { linkMessage } from "../circle/messages.ts";
import { toB64u } from "./bytes.ts";
import type { Database } from "./database.ts";
import type { Identity } from "./identity.ts";
import type { Channel, NodeSocket } from "./node-socket.ts";
import type { Incoming } from "./wire.ts";

/** What pairing left behind: our own node's device, and its consent to be linked by us. */
export interface Pairing {
  readonly device: DeviceKey;
  readonly consent: string;
  readonly sealing: string;
  readonly nodeKey: DeviceKey;
}

/** How long an answer may take. */
const ANSWER_MS_MAX = 8_000;

export class PairingDesk {
  current: Pairing | null = null;
  private answer: ((isPaired: boolean) => void) | null = null;
  private readonly asked = new Map<string, ((answer: unknown) => void)[]>();

  constructor(
    private readonly database: Database,
    private readonly identity: Identity,
    private readonly socket: () => NodeSocket,
  ) {}

  async load(): Promise<void> {
    this.current = (await this.database.get<Pairing>("identity", "pairing")) ?? null;
  }

  /** Offers the one-time secret; tells whether the node took it. */
  async offer(channel: Channel, secret: Uint8Array, device: DeviceKey): Promise<boolean> {
    const { name, sealing, signer } = this.identity;
    const consent = await signer.sign(linkMessage(device, name));
    const answered = new Promise<boolean>((resolve) => {
      this.answer = resolve;
      setTimeout(() => resolve(false), ANSWER_MS_MAX);
    });
    this.socket().send(channel, () => [{ type: "smallwin/pair", secret, consent, sealing }]);
    return answered;
  }

  /** The node took the secret. Returns whether we are paired now. */
  async accept(frame: Incoming & { type: "smallwin/paired" }, channel: Channel): Promise<boolean> {
    const { answer } = this;
    this.answer = null;
    if (!answer) return false;
    const device = toB64u(frame.device);
    // Its consent must hold, or every link we sign with it would be void.
    if (!(await verify(frame.device, linkMessage(this.identity.name, device), frame.consent))) {
      answer(false);
      return false;
    }
    const pairing: Pairing = {
      device,
      consent: toB64u(frame.consent),
      sealing: toB64u(frame.sealing),
      nodeKey: toB64u(channel.nodeKey),
    };
    await this.database.write([{ table: "identity", key: "pairing", value: pairing }]);
    this.current = pairing;
    answer(true);
    return true;
  }

  refuse(): void {
    this.answer?.(false);
    this.answer = null;
  }

  /** Asks the node something; `null` when it does not answer. */
  ask(channel: Channel, what: string): Promise<unknown> {
    const answer = new Promise<unknown>((resolve) => {
      this.asked.set(what, [...(this.asked.get(what) ?? []), resolve]);
      setTimeout(() => resolve(null), ANSWER_MS_MAX);
    });
    this.socket().send(channel, () => [{ type: "smallwin/ask", what }]);
    return answer;
  }

  told(what: string, json: string): void {
    for (const resolve of this.asked.get(what) ?? []) resolve(parsed(json));
    this.asked.delete(what);
  }
}

function parsed(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return null;
  }
}
