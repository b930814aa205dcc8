// A front before a node, as a proxy on a server is, that can serve a newer version of the page.
import { createServer, request } from "node:http";
import { connect } from "node:net";

export class Front {
  /** Listens on loopback and passes everything on to the node at `port`. */
  static async to(context, port) {
    const front = new Front();
    front.target = port;
    front.isNewer = false;
    front.server = createServer((incoming, outgoing) => front.#pass(incoming, outgoing));
    front.server.on("upgrade", (incoming, socket, head) => front.#upgrade(incoming, socket, head));
    await new Promise((done, fail) => front.server.once("error", fail).listen(0, "127.0.0.1", done));
    context.after(() => {
      front.server.close();
      front.server.closeAllConnections();
    });
    return front;
  }

  get authority() { return `127.0.0.1:${this.server.address().port}`; }

  #pass({ method, url, headers }, outgoing) {
    const isChanged = this.isNewer && url === "/service-worker.js";
    // Compressed bytes, and an answer that nothing changed, cannot be changed here.
    const { "accept-encoding": _, "if-none-match": __, ...rest } = headers;
    const options = { host: "127.0.0.1", port: this.target, method, path: url, headers: isChanged ? rest : headers };
    const far = request(options, (answer) => {
      const { "content-length": length, etag, ...others } = answer.headers;
      outgoing.writeHead(answer.statusCode, isChanged ? others : answer.headers);
      if (isChanged) {
        answer.pipe(outgoing, { end: false });
        answer.on("end", () => outgoing.end("\n// A newer version.\n"));
      } else {
        answer.pipe(outgoing);
      }
    });
    far.on("error", () => outgoing.destroy());
    far.end();
  }

  #upgrade({ url, rawHeaders }, near, head) {
    const far = connect(this.target, "127.0.0.1");
    const lines = [`GET ${url} HTTP/1.1`];
    for (let at = 0; at < rawHeaders.length; at += 2) lines.push(`${rawHeaders[at]}: ${rawHeaders[at + 1]}`);
    far.write(`${lines.join("\r\n")}\r\n\r\n`);
    far.write(head);
    for (const [socket, other] of [[near, far], [far, near]]) {
      socket.on("error", () => other.destroy());
      socket.on("close", () => other.destroy());
    }
    near.pipe(far);
    far.pipe(near);
  }
}
