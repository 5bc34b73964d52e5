/**
 * What a tutorial on realtime chat would build: npm ws on Node, Redis pub/sub between processes and a
 * Redis stream for what was said. One process. As good as such a thing gets without becoming another
 * design: one subscription a room, one JSON a message for all its members, nothing needless.
 */
import process from "node:process";
import { createHmac } from "node:crypto";
import { createServer } from "node:http";
import { createClient } from "redis";
import { WebSocketServer } from "ws";

const { PORT, REDIS_URL, SECRET } = process.env;
const commands = await createClient({ url: REDIS_URL }).connect();
const subscriber = await createClient({ url: REDIS_URL }).connect();
const rooms = new Map();

/** The user of an HS256 token. */
function verify(token) {
  const [head, body, signature] = token.split(".");
  const right = createHmac("sha256", SECRET).update(`${head}.${body}`).digest("base64url");
  const claims = JSON.parse(Buffer.from(body, "base64url").toString());
  if (signature !== right || claims.exp * 1000 < Date.now()) throw new Error("invalid token");
  return claims.sub;
}

function leave(ws, { room }) {
  rooms.get(room)?.delete(ws);
  ws.rooms.delete(room);
  ws.send(JSON.stringify({ type: "unsubscribed", room }));
}

async function join(ws, { room, since }) {
  let members = rooms.get(room);
  if (members === undefined) {
    members = new Set();
    rooms.set(room, members);
    await subscriber.subscribe(`room:${room}`, (text) => {
      for (const member of members) if (member.readyState === 1) member.send(text);
    });
  }
  if (since) {
    for (const { id, message } of await commands.xRange(`log:${room}`, `(${since}`, "+")) {
      ws.send(frameOf(id, message.rest));
    }
  }
  members.add(ws);
  ws.rooms.add(room);
  ws.send(JSON.stringify({ type: "subscribed", room }));
}

/** The frame of a message, from its position in the stream and the rest of its fields. */
function frameOf(seq, rest) {
  return `{"type":"room-message","seq":"${seq}",${rest}`;
}

async function message(ws, { room, id, content }) {
  const event = { room, id, user: ws.user, timestamp: Date.now(), content };
  const rest = JSON.stringify(event).slice(1);
  const seq = await commands.xAdd(`log:${room}`, "*", { rest }, {
    TRIM: { strategy: "MAXLEN", strategyModifier: "~", threshold: 100_000 },
  });
  await commands.publish(`room:${room}`, frameOf(seq, rest));
  if (id) ws.send(JSON.stringify({ type: "ack", id, seq }));
}

const server = createServer((_request, response) => response.end("ok"));
const wss = new WebSocketServer({ server, path: "/ws" });
wss.on("connection", (ws, request) => {
  ws.rooms = new Set();
  ws.on("error", () => {});
  try {
    ws.user = verify(request.headers.authorization.slice(7));
  } catch {
    return ws.close(4001);
  }
  ws.send(JSON.stringify({ type: "authenticated", userId: ws.user }));
  ws.on("message", (data) => {
    const frame = JSON.parse(data.toString());
    if (frame.type === "unsubscribe") return leave(ws, frame);
    const done = frame.type === "subscribe" ? join(ws, frame) : message(ws, frame);
    done.catch((error) => ws.send(JSON.stringify({ type: "error", detail: String(error) })));
  });
  ws.on("close", () => {
    for (const room of ws.rooms) rooms.get(room)?.delete(ws);
  });
});
server.listen({ port: Number(PORT), host: "127.0.0.1", backlog: 4096 }, () => {
  process.stdout.write("listening\n");
});
