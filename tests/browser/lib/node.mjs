// Starts real nodes as processes, on loopback, each with its own data directory; ends only what it started.
import { execFile, spawn } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

import { until } from "./wait.mjs";

const PROGRAM = process.env.SMALLWIN_TEST_PROGRAM
  ?? new URL("../../../target/debug/smallwin", import.meta.url).pathname;

/** A fresh folder that is gone when the test is over. */
export async function temporaryFolder(context, name = "smallwin-test-") {
  const folder = await mkdtemp(join(tmpdir(), name));
  context.after(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }));
  return folder;
}

/** A port on loopback that was free a moment ago; a restarted node must come back on the same one. */
export async function freePort() {
  const server = createServer();
  await new Promise((done, fail) => server.once("error", fail).listen(0, "127.0.0.1", done));
  const { port } = server.address();
  await new Promise((done) => server.close(done));
  return port;
}

/** The variables of a child: ours without any SMALLWIN_* that the tests themselves were given. */
function environment(data, more = {}) {
  const own = Object.entries(process.env).filter(([name]) => !name.startsWith("SMALLWIN_"));
  return { ...Object.fromEntries(own), SMALLWIN_DATA: data, ...more };
}

/** Runs one command of the program to its end: `{code, out, err}`; never throws for a refusal. */
export function command(data, args, { input, env } = {}) {
  return new Promise((done) => {
    const options = { env: environment(data, env), maxBuffer: 64 * 1024 * 1024, timeout: 60_000 };
    const child = execFile(PROGRAM, args, options, (error, out, err) => {
      const code = error ? (typeof error.code === "number" ? error.code : -1) : 0;
      done({ code, out, err });
    });
    // A command that refuses may end before it reads.
    child.stdin.on("error", () => {});
    child.stdin.end(input ?? "");
  });
}

/** Runs one command that must succeed and returns what it wrote. */
export async function must(data, args, options) {
  const { code, out, err } = await command(data, args, options);
  if (code !== 0) throw new Error(`smallwin ${args.join(" ")} ended with ${code}: ${err || out}`);
  return out;
}

/** A node as a process of its own. */
export class RunningNode {
  /** Starts a node and waits until it says that it is ready; it ends with the test. */
  static async start(context, { data, port, peers = [], names = [], args = [] } = {}) {
    const node = new RunningNode();
    node.data = data ?? (await temporaryFolder(context));
    node.port = port ?? (await freePort());
    node.peers = peers;
    node.names = names;
    node.args = args;
    context.after(() => node.kill());
    await node.startAgain();
    return node;
  }

  /** Starts the process, after the first time on the same data and the same address. */
  async startAgain() {
    const args = ["serve", "--no-browser", "--listen", `127.0.0.1:${this.port}`];
    for (const peer of this.peers) args.push("--peer", peer);
    args.push(...this.args);
    const env = this.names.length ? { SMALLWIN_NAMES: this.names.join(",") } : {};
    this.lines = [];
    this.process = spawn(PROGRAM, args, {
      env: environment(this.data, env),
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.ended = new Promise((done) => this.process.once("exit", (code, signal) => done({ code, signal })));
    for (const stream of [this.process.stdout, this.process.stderr]) {
      createInterface({ input: stream }).on("line", (line) => this.lines.push(line));
    }
    await until(`node on ${this.port} is ready; it wrote: ${this.lines.join("\n")}`, async () => {
      if (this.process.exitCode !== null) {
        throw new Error(`it ended with ${this.process.exitCode}: ${this.lines.join("\n")}`);
      }
      const answer = await fetch(`${this.origin}/readyz`);
      return answer.ok;
    });
  }

  get authority() { return `127.0.0.1:${this.port}`; }
  get origin() { return `http://${this.authority}`; }

  /** The one-time pairing link that the node printed at its start. */
  pairingLink() {
    return until("the node prints a pairing link", () => {
      const words = this.lines.join(" ").split(/\s+/);
      return words.find((word) => word.startsWith("http") && word.includes("#"));
    });
  }

  /** Runs a command on this node's data directory while the node runs, as a peer of it. */
  command(args, options) { return command(this.data, args, options); }
  must(args, options) { return must(this.data, args, options); }

  /** Asks the process to end and waits until it did. */
  async stop() {
    if (this.process.exitCode === null && this.process.signalCode === null) this.process.kill("SIGTERM");
    return this.ended;
  }

  /** Ends the process without any warning. */
  async kill() {
    if (this.process?.exitCode === null && this.process.signalCode === null) this.process.kill("SIGKILL");
    return this.ended;
  }

  /** What the node wrote so far, for a message. */
  log() { return this.lines.join("\n"); }
}

/** The text of every file in a data directory, as one buffer per file. */
export async function filesOf(folder) {
  const { readdir } = await import("node:fs/promises");
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  return Promise.all(files.map(async (entry) => {
    const path = join(entry.parentPath ?? entry.path, entry.name);
    return { path, bytes: await readFile(path) };
  }));
}
