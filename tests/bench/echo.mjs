// The baseline of the keystroke figure: two bare pages with a text field, one process that passes each message on.
// No storage, no signatures, no merge: what the browsers and the sockets alone cost.
import { createServer } from "node:http";
import { WebSocketServer } from "ws";

const PAGE = `<!doctype html><title>echo</title><textarea></textarea><pre></pre><script>
  const socket = new WebSocket("ws://" + location.host);
  const [field, shown] = [document.querySelector("textarea"), document.querySelector("pre")];
  field.addEventListener("input", () => socket.send(field.value));
  socket.addEventListener("message", (event) => { shown.textContent = event.data; });
  socket.addEventListener("open", () => { document.title = "open"; });
</script>`;

/** Starts the process that both bare pages talk to; returns its address and a function that ends it. */
export async function startEcho() {
  const server = createServer((_, answer) => answer.setHeader("content-type", "text/html").end(PAGE));
  const sockets = new WebSocketServer({ server });
  sockets.on("connection", (socket) => {
    socket.on("message", (data) => {
      for (const other of sockets.clients) if (other !== socket) other.send(data.toString());
    });
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  return {
    origin: `http://127.0.0.1:${server.address().port}`,
    stop: () => {
      for (const socket of sockets.clients) socket.terminate();
      server.close();
    },
  };
}
