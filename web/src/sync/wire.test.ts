import { cbor } from "@automerge/automerge-repo/slim";
import { describe, expect, test } from "vitest";
import { decodeFrame, encodeFrame, FrameError } from "./wire.ts";

const bytes = (length: number, fill = 7) => new Uint8Array(length).fill(fill);
const read = (frame: unknown) => decodeFrame(new Uint8Array(cbor.encode(frame)));

describe("frames of a node", () => {
  test("a log without ids wants nothing; with empty ids it wants all", () => {
    const frame = { type: "smallwin/log", circle: bytes(16), heads: bytes(64) };
    expect(read(frame)).toMatchObject({ ids: null, records: [], heads: [bytes(32), bytes(32)] });
    expect(read({ ...frame, ids: bytes(0) })).toMatchObject({ ids: [] });
  });

  test("absent and null are the same in optional fields", () => {
    expect(read({ type: "smallwin/notice", code: "busy", about: null })).toEqual({
      type: "smallwin/notice",
      code: "busy",
      about: null,
    });
    expect(read({ type: "peer", senderId: "n", smallwin: undefined })).toMatchObject({ hello: null });
  });

  test("what we write, a peer reads", () => {
    const frame = { type: "smallwin/frontier", documentId: "d", items: bytes(288) };
    expect(decodeFrame(encodeFrame(frame))).toMatchObject({ items: [bytes(144), bytes(144)] });
  });

  test("an unknown type is no fault", () => {
    expect(read({ type: "smallwin/later", x: 1 })).toEqual({ type: "unknown", kind: "smallwin/later" });
  });

  test.each([
    ["no map", 12],
    ["no type", { heads: bytes(32) }],
    ["heads cut off", { type: "smallwin/log", circle: bytes(16), heads: bytes(33) }],
    ["a short tag", { type: "smallwin/log", circle: bytes(15), heads: bytes(0) }],
    ["text for bytes", { type: "smallwin/beside", circle: "0123456789abcdef" }],
    ["a list of numbers for records", { type: "smallwin/log", circle: bytes(16), heads: bytes(0), records: [1] }],
    ["half a frontier", { type: "smallwin/frontier", documentId: "d", items: bytes(100) }],
    ["an unknown purpose", { type: "smallwin/circles", items: [{ tag: bytes(16), key: bytes(32), proof: bytes(64), purpose: "x" }] }],
    ["a sync without data", { type: "sync", documentId: "d" }],
    ["another version", { type: "peer", senderId: "n", smallwin: { v: 2, key: bytes(32), nonce: bytes(32), proof: bytes(64) } }],
  ])("refuses %s", (_name, frame) => {
    expect(() => read(frame)).toThrow(FrameError);
  });

  test("refuses what is not CBOR", () => {
    expect(() => decodeFrame(Uint8Array.of(0xff, 0xff))).toThrow(FrameError);
  });
});
