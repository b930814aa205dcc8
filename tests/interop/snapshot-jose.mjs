// Verifies the signatures of a snapshot file with `jose` and nothing of ours: any program can.
//
//   node snapshot-jose.mjs FILE
//
// Prints the title and one line per signer; exits with 1 and one sentence when something does not fit.
// Who had which role when they signed is a question of the log: `smallwin verify FILE` answers it too.

import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { flattenedVerify, generalVerify, importJWK } from "jose";

try {
  const [file] = process.argv.slice(2);
  if (file === undefined) throw new Error("name the snapshot file");
  const { manifest, signers } = await verify(await readFile(file));
  console.log(`${manifest.title} (${manifest.created})`);
  for (const { key, purpose } of signers) console.log(`${purpose} ${key}`);
} catch (error) {
  console.error(`error: ${error.message}`);
  process.exitCode = 1;
}

async function verify(bytes) {
  const file = parse(bytes);
  if (file.type !== "smallwin/snapshot-file@1") throw new Error("this is not a snapshot file");
  if (!Array.isArray(file.signatures) || !Array.isArray(file.records) || file.signatures.length === 0) {
    throw new Error("the file has no signatures or no records");
  }
  const signers = await signersOf(file, "the agreed text");
  signers.forEach(({ purpose }, at) => {
    if (purpose !== (at === 0 ? "snapshot" : "cosign")) throw new Error(`signer ${at + 1} signed for another purpose`);
  });
  const manifest = parse(Buffer.from(file.payload, "base64url"));
  for (const { kind, sha256, text } of manifest.docs) {
    if (createHash("sha256").update(text).digest("base64url") !== sha256) {
      throw new Error(`the text of the ${kind} document is not the one whose hash stands beside it`);
    }
  }
  const payloads = [];
  for (const [at, record] of file.records.entries()) payloads.push(await recordPayload(record, at));
  file.signatures.forEach(({ signature }, at) => {
    const says = ({ author, body }) =>
      author === signers[at].key && body.kind === signers[at].purpose && body.signature === signature;
    if (!payloads.some(says)) throw new Error(`signer ${at + 1} has no enclosed record with this signature`);
  });
  return { manifest, signers };
}

/** The payload of an enclosed record, signed by its author and, if it is a join, by who accepted it. */
async function recordPayload(record, at) {
  const what = `enclosed record ${at + 1}`;
  if (!Array.isArray(record?.signatures)) throw new Error(`${what} has no signatures`);
  const [author] = await signersOf(record, what);
  const payload = parse(Buffer.from(record.payload, "base64url"));
  if (record.signatures.length !== (payload.body.kind === "join" ? 2 : 1) || author.key !== payload.author) {
    throw new Error(`${what} is signed by too few, too many or the wrong ones`);
  }
  return payload;
}

/** Checks every signature of a JWS General object, each by the key that its header names. */
async function signersOf({ payload, signatures }, what) {
  const signers = [];
  for (const [at, { protected: header, signature }] of signatures.entries()) {
    // Base64url has spare bits that a lenient reader drops: they are part of the file, so none may be set.
    if (![payload, header, signature].every(isExact)) throw new Error(`${what} is damaged`);
    try {
      const verified = await flattenedVerify({ payload, protected: header, signature }, keyOf, { algorithms: ["EdDSA"] });
      signers.push({ key: verified.protectedHeader.kid, purpose: verified.protectedHeader.purpose });
    } catch (error) {
      throw new Error(`signature ${at + 1} of ${what} does not fit (${error.message})`);
    }
  }
  // The object as a whole is a JWS too, as RFC 7515 section 7.2.1 has it.
  await generalVerify({ payload, signatures }, keyOf, { algorithms: ["EdDSA"] });
  return signers;
}

async function keyOf(header) {
  return importJWK({ kty: "OKP", crv: "Ed25519", x: header.kid }, "EdDSA");
}

function isExact(text) {
  return typeof text === "string" && Buffer.from(text, "base64url").toString("base64url") === text;
}

function parse(bytes) {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    throw new Error("the file is damaged or no snapshot file: it is not JSON");
  }
}
