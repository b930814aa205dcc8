// Snapshot files: the same bytes as Rust's, and nothing but them verifies (rule N2).

import { readFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { buildSnapshotFile, Log, manifestHash, manifestToBytes, parseManifest, SignedRecord, verifySnapshotFile } from "./index.ts";

interface SnapshotVector {
  records: string[];
  snapshot: string;
  manifest: string;
  hash: string;
  file: string;
  signers: [string, string, string, string, string][];
}

const utf8 = (text: string) => new TextEncoder().encode(text);

describe("a snapshot file", async () => {
  const url = new URL("../../../tests/vectors/circle-snapshot.json", import.meta.url);
  const vector = JSON.parse(await readFile(url, "utf8")) as SnapshotVector;

  test("is built to the same bytes", async () => {
    const [genesis, ...rest] = await Promise.all(vector.records.map((text) => SignedRecord.parse(utf8(text))));
    const log = new Log(genesis ?? expect.fail("no genesis"));
    for (const record of rest) log.insert(record);
    const manifest = parseManifest(utf8(vector.manifest));
    expect(manifestHash(manifest)).toBe(vector.hash);
    expect(new TextDecoder().decode(manifestToBytes(manifest))).toBe(vector.manifest);
    const file = await buildSnapshotFile(log, vector.snapshot, manifest);
    expect(new TextDecoder().decode(file)).toBe(vector.file);
  });

  test("says who agreed to what", async () => {
    const report = await verifySnapshotFile(utf8(vector.file));
    expect(report.title).toBe("De betekenisvolle stap");
    expect(report.signers.map((s) => [s.key, s.purpose, s.role, s.person, s.record])).toEqual(vector.signers);
  });

  test("does not verify with a flipped byte", async () => {
    for (let at = 0; at < vector.file.length; at += 61) {
      const flipped = utf8(vector.file);
      flipped[at] = (flipped[at] ?? 0) ^ (1 << (at % 8));
      await expect(verifySnapshotFile(flipped)).rejects.toThrow();
    }
  });

  test("does not verify with records or signatures left out", async () => {
    const edited = async (edit: (file: { records: unknown[]; signatures: unknown[] }) => void) => {
      const file = JSON.parse(vector.file) as { records: unknown[]; signatures: unknown[] };
      edit(file);
      return verifySnapshotFile(utf8(JSON.stringify(file)));
    };
    await expect(edited(({ records }) => records.pop())).rejects.toThrow("signer 3 has no enclosed record");
    await expect(edited(({ records }) => records.splice(3, 1))).rejects.toThrow("not exactly those");
    await expect(edited(({ signatures }) => signatures.reverse())).rejects.toThrow("signature of signer 1");
    await expect(edited(({ signatures }) => signatures.push(signatures[1]))).rejects.toThrow("signer 4");
    await expect(edited((file) => (file.records = []))).rejects.toThrow("not exactly those");
    const fewer = await edited(({ records, signatures }) => (records.pop(), signatures.pop()));
    expect(fewer.signers).toHaveLength(2);
  });
});
