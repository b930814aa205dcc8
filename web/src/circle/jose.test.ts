// Signatures are those of RFC 7515: a library that knows nothing of ours verifies them.

import { readFile } from "node:fs/promises";
import { flattenedVerify, generalVerify, importJWK, type JWSHeaderParameters } from "jose";
import { describe, expect, test } from "vitest";

interface General {
  payload: string;
  signatures: { protected: string; signature: string }[];
}

const keyOf = (header: JWSHeaderParameters) => importJWK({ kty: "OKP", crv: "Ed25519", x: header.kid ?? "" }, "EdDSA");
const options = { algorithms: ["EdDSA"] };

describe("jose", async () => {
  const url = new URL("../../../tests/vectors/circle-snapshot.json", import.meta.url);
  const { file } = JSON.parse(await readFile(url, "utf8")) as { file: string };
  const snapshot = JSON.parse(file) as General & { records: General[] };

  test("verifies the snapshot and every record in it", async () => {
    for (const general of [snapshot, ...snapshot.records]) {
      for (const entry of general.signatures) {
        await flattenedVerify({ payload: general.payload, ...entry }, keyOf, options);
      }
      await generalVerify({ payload: general.payload, signatures: general.signatures }, keyOf, options);
    }
  });

  test("refuses a changed text", async () => {
    const payload = snapshot.payload.replace(/^e/, "f");
    const [entry] = snapshot.signatures;
    if (entry === undefined) throw new Error("no signature");
    await expect(flattenedVerify({ payload, ...entry }, keyOf, options)).rejects.toThrow();
  });
});
