/**
 * Rooms on Bun's publish, which is uWebSockets': one process, nothing stored, no second process that
 * could serve the same rooms. The same frames as Hopwire, and a token of its own for each client.
 */
import process from "node:process";
import { createHmac } from "node:crypto";

const { PORT, SECRET } = process.env;

/** The user of an HS256 token. */
function verify(token) {
  const [head, body, signature] = token.split(".");
  const right = createHmac("sha256", SECRET).update(`${head}.${body}`).digest("base64url");
  const claims = JSON.parse(Buffer.from(body, "base64url").toString());
  if (signature !== right || claims.exp * 1000 < Date.now()) throw new Error("invalid token");
  return claims.sub;
}

const server = Bun.serve({
  hostname: "127.0.0.1",
  port: Number(PORT),
  fetch(request, server) {
    let user;
    try {
      user = verify(request.headers.get("authorization").slice(7));
    } catch {
      return new Response("invalid token", { status: 401 });
    }
    return server.upgrade(request, { data: { user } })
      ? undefined
      : new Response("a WebSocket is needed", { status: 426 });
  },
  websocket: {
    open(ws) {
      ws.send(JSON.stringify({ type: "authenticated", userId: ws.data.user }));
    },
    message(ws, text) {
      const { type, room, id, content } = JSON.parse(text);
      if (type === "subscribe") {
        ws.subscribe(room);
        ws.send(JSON.stringify({ type: "subscribed", room }));
      } else if (type === "unsubscribe") {
        ws.unsubscribe(room);
        ws.send(JSON.stringify({ type: "unsubscribed", room }));
      } else {
        const { user } = ws.data;
        const event = { type: "room-message", room, id, user, timestamp: Date.now(), content };
        server.publish(room, JSON.stringify(event));
        if (id) ws.send(JSON.stringify({ type: "ack", id }));
      }
    },
  },
});
process.stdout.write("listening\n");
