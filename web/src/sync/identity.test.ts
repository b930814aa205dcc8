import { sha512 } from "@noble/hashes/sha2.js";
import { createPrivateKey, createPublicKey } from "node:crypto";
import { expect, test, vi } from "vitest";
import { verify } from "../circle/keys.ts";
import { memoryDatabase } from "./database.ts";
import { exclusively, freshActor, freshPeerId, identityOf, seedSigner } from "./identity.ts";

test("a profile keeps its key", async () => {
  const database = memoryDatabase();
  const [first, second] = await Promise.all([identityOf(database), identityOf(database)]);
  expect(second.name).toBe(first.name);
  const message = new TextEncoder().encode("x");
  expect(await verify(first.signer.key, message, await second.signer.sign(message))).toBe(true);
});

test("K2: actors and peer ids are fresh and name the key", async () => {
  const identity = await identityOf(memoryDatabase());
  expect(freshActor(identity)).toMatch(/^[0-9a-f]{80}$/);
  expect(freshActor(identity)).not.toBe(freshActor(identity));
  expect(freshPeerId(identity).startsWith(`${identity.name}-`)).toBe(true);
});

test("without Ed25519 in the browser, seeds serve, and the sealing key belongs to its seed", async () => {
  const generate = vi.spyOn(crypto.subtle, "generateKey").mockRejectedValue(new Error("not here"));
  const database = memoryDatabase();
  const identity = await identityOf(database);
  generate.mockRestore();
  const stored = await database.get<{ signing: Uint8Array; sealing: Uint8Array }>("identity", "device");
  if (!stored) throw new Error("nothing was kept");
  expect(identity.signer.key).toEqual((await seedSigner(stored.signing)).key);
  // X25519 of the same secret scalar, as node:crypto computes it (PKCS #8 around the raw scalar).
  const scalar = sha512(stored.sealing).slice(0, 32);
  const der = Buffer.concat([Buffer.from("302e020100300506032b656e04220420", "hex"), scalar]);
  const jwk = createPublicKey(createPrivateKey({ key: der, format: "der", type: "pkcs8" })).export({ format: "jwk" });
  expect(Buffer.from(identity.sealing).toString("base64url")).toBe(jwk.x);
});

test("work under one name runs one after the other, also without the browser's locks", async () => {
  const order: string[] = [];
  const work = (name: string) => async () => {
    order.push(`${name} begins`);
    await Promise.resolve();
    order.push(`${name} ends`);
  };
  await Promise.all([exclusively("n", work("a")), exclusively("n", work("b"))]);
  expect(order).toEqual(["a begins", "a ends", "b begins", "b ends"]);
});
