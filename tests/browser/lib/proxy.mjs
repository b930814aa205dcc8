// A wire between two nodes that a test can cut and mend.
import { connect, createServer } from "node:net";

export class Wire {
  /** Listens on loopback and passes bytes on to `port`. */
  static async to(context, port) {
    const wire = new Wire();
    wire.target = port;
    wire.whole = true;
    wire.sockets = new Set();
    wire.server = createServer((near) => wire.#accept(near));
    await new Promise((done, fail) => wire.server.once("error", fail).listen(0, "127.0.0.1", done));
    context.after(() => {
      wire.cut();
      wire.server.close();
    });
    return wire;
  }

  get port() { return this.server.address().port; }
  get authority() { return `127.0.0.1:${this.port}`; }

  /** Drops what is connected and refuses what comes, until it is mended. */
  cut() {
    this.whole = false;
    for (const socket of this.sockets) socket.destroy();
  }

  mend() { this.whole = true; }

  #accept(near) {
    if (!this.whole) return near.destroy();
    const far = connect(this.target, "127.0.0.1");
    for (const [socket, other] of [[near, far], [far, near]]) {
      this.sockets.add(socket);
      socket.on("error", () => other.destroy());
      socket.on("close", () => {
        this.sockets.delete(socket);
        other.destroy();
      });
    }
    near.pipe(far);
    far.pipe(near);
  }
}
