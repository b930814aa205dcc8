// The frames on the wire: automerge-repo protocol "1" and the `smallwin/*` extension
// (docs/spec.md, section 6). Each frame of a peer is read into a type or refused here.

import { cbor } from "@automerge/automerge-repo/slim";
import { cut } from "./bytes.ts";
import { FRAME_BYTES_MAX } from "./limits.ts";

export interface Hello {
  readonly v: number;
  readonly key: Uint8Array;
  readonly nonce: Uint8Array;
}

export type Purpose = "member" | "invite";

export interface CircleItem {
  readonly tag: Uint8Array;
  readonly key: Uint8Array;
  readonly proof: Uint8Array;
  readonly purpose: Purpose;
}

export interface LogFrame {
  readonly type: "smallwin/log";
  readonly circle: Uint8Array;
  readonly heads: readonly Uint8Array[];
  readonly records: readonly Uint8Array[];
  /** Present, perhaps empty, when the sender wants what is not among them. */
  readonly ids: readonly Uint8Array[] | null;
}

export interface BesideFrame {
  readonly type: "smallwin/beside";
  readonly circle: Uint8Array;
  readonly cards: readonly Uint8Array[];
  readonly manifests: readonly Uint8Array[];
  readonly want: readonly Uint8Array[];
}

export interface PersonReached {
  readonly person: Uint8Array;
  readonly heads: readonly Uint8Array[];
}

/** What a node sends us. Frames for the repo keep their automerge-repo form in `message`. */
export type Incoming =
  | { readonly type: "peer"; readonly senderId: string; readonly hello: (Hello & { readonly proof: Uint8Array }) | null }
  | { readonly type: "error"; readonly message: string }
  | { readonly type: "repo"; readonly message: RepoFrame }
  | { readonly type: "smallwin/circles"; readonly items: readonly CircleItem[] }
  | LogFrame
  | BesideFrame
  | { readonly type: "smallwin/frontier"; readonly documentId: string; readonly items: readonly Uint8Array[] }
  | {
      readonly type: "smallwin/refused";
      readonly documentId: string;
      readonly hashes: readonly Uint8Array[];
      readonly reason: string;
    }
  | { readonly type: "smallwin/reached"; readonly documentId: string; readonly people: readonly PersonReached[] }
  | {
      readonly type: "smallwin/paired";
      readonly device: Uint8Array;
      readonly consent: Uint8Array;
      readonly sealing: Uint8Array;
    }
  | { readonly type: "smallwin/told"; readonly what: string; readonly json: string }
  | { readonly type: "smallwin/notice"; readonly code: string; readonly about: string | null }
  | { readonly type: "unknown"; readonly kind: string };

/** A frame of automerge-repo, handed on as it is. */
export interface RepoFrame {
  readonly type: "sync" | "request" | "doc-unavailable" | "ephemeral";
  readonly senderId: string;
  readonly targetId: string;
  readonly documentId: string;
  readonly data?: Uint8Array;
}

/** What we send, beside the repo's own messages; byte rows are given as they travel. */
export type Outgoing = { readonly type: string; readonly [field: string]: unknown };

/** A frame that breaks the rules of its type. */
export class FrameError extends Error {}

const FRONTIER_BYTES = 144;
const HASH_BYTES = 32;

export function encodeFrame(frame: Outgoing): Uint8Array<ArrayBuffer> {
  return new Uint8Array(cbor.encode(frame));
}

/** Reads a frame. Throws a `FrameError` when it is not one. */
export function decodeFrame(bytes: Uint8Array): Incoming {
  if (bytes.length > FRAME_BYTES_MAX) throw new FrameError("the frame is too large");
  let frame: unknown;
  try {
    frame = cbor.decode(bytes);
  } catch {
    throw new FrameError("the frame is not CBOR");
  }
  return new Reader(frame).incoming();
}

class Reader {
  private readonly fields: Record<string, unknown>;

  constructor(frame: unknown) {
    if (typeof frame !== "object" || frame === null) throw new FrameError("the frame is not a map");
    this.fields = frame as Record<string, unknown>;
  }

  incoming(): Incoming {
    const type = this.text("type");
    switch (type) {
      case "peer":
        return { type, senderId: this.text("senderId"), hello: this.hello() };
      case "error":
        return { type, message: this.optionalText("message") ?? "" };
      case "sync":
      case "request":
      case "ephemeral":
      case "doc-unavailable":
        return { type: "repo", message: this.repoFrame(type) };
      case "smallwin/circles":
        return { type, items: this.list("items").map((item) => new Reader(item).circleItem()) };
      case "smallwin/log":
        return {
          type,
          circle: this.bytes("circle", 16),
          heads: this.row("heads"),
          records: this.blobs("records"),
          ids: this.isAbsent("ids") ? null : this.row("ids"),
        };
      case "smallwin/beside":
        return {
          type,
          circle: this.bytes("circle", 16),
          cards: this.blobs("cards"),
          manifests: this.blobs("manifests"),
          want: this.isAbsent("want") ? [] : this.row("want"),
        };
      case "smallwin/frontier":
        return { type, documentId: this.text("documentId"), items: this.row("items", FRONTIER_BYTES) };
      case "smallwin/refused":
        return { type, documentId: this.text("documentId"), hashes: this.row("hashes"), reason: this.text("reason") };
      case "smallwin/reached":
        return {
          type,
          documentId: this.text("documentId"),
          people: this.list("people").map((item) => new Reader(item).personReached()),
        };
      case "smallwin/paired":
        return {
          type,
          device: this.bytes("device", 32),
          consent: this.bytes("consent", 64),
          sealing: this.bytes("sealing", 32),
        };
      case "smallwin/told":
        return { type, what: this.text("what"), json: this.text("json") };
      case "smallwin/notice":
        return { type, code: this.text("code"), about: this.optionalText("about") };
      default:
        return { type: "unknown", kind: type };
    }
  }

  private hello() {
    if (this.isAbsent("smallwin")) return null;
    const hello = new Reader(this.fields["smallwin"]);
    const v = hello.fields["v"];
    if (v !== 1) throw new FrameError("the node speaks another version");
    return { v, key: hello.bytes("key", 32), nonce: hello.bytes("nonce", 32), proof: hello.bytes("proof", 64) };
  }

  private repoFrame(type: RepoFrame["type"]): RepoFrame {
    this.text("documentId");
    if (type !== "doc-unavailable") this.bytes("data");
    return this.fields as unknown as RepoFrame;
  }

  private circleItem(): CircleItem {
    const purpose = this.text("purpose");
    if (purpose !== "member" && purpose !== "invite") throw new FrameError("the purpose is unknown");
    return { tag: this.bytes("tag", 16), key: this.bytes("key", 32), proof: this.bytes("proof", 64), purpose };
  }

  private personReached(): PersonReached {
    return { person: this.bytes("person", 32), heads: this.row("heads") };
  }

  private isAbsent(name: string): boolean {
    return this.fields[name] === undefined || this.fields[name] === null;
  }

  private text(name: string): string {
    const value = this.fields[name];
    if (typeof value !== "string") throw new FrameError(`the field ${name} is no text`);
    return value;
  }

  private optionalText(name: string): string | null {
    return this.isAbsent(name) ? null : this.text(name);
  }

  private bytes(name: string, length?: number): Uint8Array {
    const value = this.fields[name];
    if (!(value instanceof Uint8Array) || (length !== undefined && value.length !== length)) {
      throw new FrameError(`the field ${name} is not the bytes it should be`);
    }
    // A plain copy: the decoder may lend us a view into the whole frame.
    return new Uint8Array(value);
  }

  private row(name: string, length = HASH_BYTES): Uint8Array[] {
    const row = cut(this.bytes(name), length);
    if (!row) throw new FrameError(`the field ${name} is cut off`);
    return row;
  }

  private list(name: string): unknown[] {
    const value = this.fields[name];
    if (!Array.isArray(value)) throw new FrameError(`the field ${name} is no list`);
    return value;
  }

  private blobs(name: string): Uint8Array[] {
    if (this.isAbsent(name)) return [];
    return this.list(name).map((item) => {
      if (!(item instanceof Uint8Array)) throw new FrameError(`the field ${name} holds something else than bytes`);
      return new Uint8Array(item);
    });
  }
}
