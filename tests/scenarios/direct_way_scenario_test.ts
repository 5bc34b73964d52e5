/**
 * A handshake that arrives in one piece goes the direct way into the gateway, and one in two pieces goes
 * through node:http and npm ws. Clients must not see a difference.
 */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { rssOf } from "../bench/processes.ts";
import { connectClient } from "../harness/client.ts";
import { openRaw, proxyHeader } from "../harness/raw_http.ts";
import { startService, startSystem, tokenFor } from "../harness/system.ts";
import { until } from "../harness/wait.ts";

const UPGRADE = {
  Host: "127.0.0.1",
  Connection: "Upgrade",
  Upgrade: "websocket",
  "Sec-WebSocket-Version": "13",
  "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
};

/** The lines of a handshake, with other headers; an empty value removes one. */
function headOf(others: Record<string, string> = {}, request = "GET /ws HTTP/1.1"): string {
  const headers = Object.entries({ ...UPGRADE, ...others }).filter(([, value]) => value !== "");
  return [request, ...headers.map((parts) => parts.join(": "))].join("\r\n") + "\r\n\r\n";
}

/** A masked frame. `length` says something else than the payload's length. */
function frame(first: number, payload: string | Buffer = "", length?: number): Buffer {
  const body = Buffer.from(payload as string).map((byte, i) => byte ^ (i % 4 + 1));
  const size = length ?? body.length;
  const header = size < 126
    ? [first, 0x80 | size]
    : size < 65_536
    ? [first, 0xfe, size >> 8, size & 255]
    : [first, 0xff, 0, 0, 0, 0, 0, size >> 16, size >> 8 & 255, size & 255];
  return Buffer.concat([Buffer.from([...header, 1, 2, 3, 4]), body]);
}

/** A close frame of the gateway, without a reason. */
const closing = (code: number) => `\x88\x02${String.fromCharCode(code >> 8, code & 255)}`;

const CLOSE = frame(0x88, Buffer.from([0x03, 0xe8, 0x62, 0x79, 0x65]));

const NONE = Buffer.alloc(0);

/** What a client says after its handshake. */
interface Talk {
  head: string;
  frames: Buffer;
  /** The bytes of frames that are sent at a time; 0 sends them with the head. */
  chunk?: number;
  /** What the client waits for before it closes. */
  until: string;
}

/** Waits until the gateway has read everything that a connection from `from` has sent. */
async function readBy(port: number, from: number): Promise<void> {
  const hex = (number: number) => `:${number.toString(16).toUpperCase().padStart(4, "0")}`;
  await until("the gateway to have read", async () => {
    const lines = (await Deno.readTextFile("/proc/net/tcp")).split("\n");
    const fields = lines.map((line) => line.trim().split(/\s+/))
      .find(([, local, remote]) => local?.endsWith(hex(port)) && remote?.endsWith(hex(from)));
    return fields?.[4]?.endsWith(":00000000");
  });
}

/**
 * Removes what differs between any two connections: ids, times, and the frame that tells that the token is
 * valid, because its place among the others depends on when that is known.
 */
const same = (text: string) =>
  text.replace(/.{4}\{"type":"authenticated".*?\}\}/s, "").replace(/\r\nDate: [^\r]*/i, "")
    .replace(PONGS, "");

/** Pongs with one byte. Of several pings the last is answered, and a pong may stand anywhere between frames. */
const PONGS = new RegExp("\x8a\x01[pqx]", "g");

Deno.test("the direct way and node:http look the same to clients", async (t) => {
  await using system = await startSystem();
  const { port, process } = system.gateways[0]!;
  await process.line('"direct":true');
  const token = await tokenFor("ann");
  const bearer = { Authorization: `Bearer ${token}` };

  /** Sends a handshake in `pieces`, then frames; returns all that comes until the close. */
  const talk = async (
    pieces: number,
    { head, frames, chunk = 0, until: last }: Talk,
    to = port,
  ): Promise<string> => {
    using connection = openRaw(to);
    const received: Buffer[] = [];
    connection.socket.on("data", (data: Buffer) => received.push(data));
    const text = () => Buffer.concat(received).toString("latin1");
    const rest = chunk === 0 ? Buffer.concat([Buffer.from(head), frames]) : Buffer.from(head);
    const cut = pieces === 1 ? 0 : 10;
    await connection.send(rest.subarray(0, cut));
    // The gateway must have read the first piece before the second arrives.
    if (cut > 0) await readBy(to, connection.socket.localPort!);
    await connection.send(rest.subarray(cut));
    for (let at = 0; chunk > 0 && at < frames.length; at += chunk) {
      await connection.send(frames.subarray(at, at + chunk));
    }
    await until(last, () => connection.closed || text().includes(last));
    if (!connection.closed) await connection.send(CLOSE);
    await until("the close", () => connection.closed);
    assert.ok(text().includes(last), `${last} in ${text()}`);
    return same(text());
  };
  const compare = async (name: string, one: Talk) => {
    const [direct, other] = await Promise.all([talk(1, one), talk(2, one)]);
    assert.equal(direct, other, name);
    return direct;
  };

  /** Opens a connection whose first `cut` bytes arrive by themselves; 0 for the direct way. */
  const opened = async (cut: number) => {
    const connection = openRaw(port);
    await connection.send(headOf(bearer).slice(0, cut));
    if (cut > 0) await readBy(port, connection.socket.localPort!);
    await connection.send(headOf(bearer).slice(cut));
    await until("the token", () => connection.text.includes('"authenticated"'));
    return connection;
  };

  await t.step("heads that are accepted", async () => {
    const heads: [string, string][] = [
      ["a token", headOf(bearer)],
      ["another path that means the same", headOf(bearer, "GET /ws?x=1 HTTP/1.1")],
      ["a header of a browser", headOf({ ...bearer, Connection: "keep-alive, Upgrade" })],
      ["names in lower case", headOf(bearer).replace("Upgrade:", "upgrade:")],
      ["a sub-protocol", headOf({ ...bearer, "Sec-WebSocket-Protocol": "x, hopwire.v1" })],
      ["an unknown sub-protocol", headOf({ ...bearer, "Sec-WebSocket-Protocol": "x, y" })],
      ["a token in a sub-protocol", headOf({ "Sec-WebSocket-Protocol": `bearer.${token}` })],
      ["a token in both", headOf({ ...bearer, "Sec-WebSocket-Protocol": "bearer.x, hopwire.v1" })],
      ["extensions", headOf({ ...bearer, "Sec-WebSocket-Extensions": "permessage-deflate" })],
      ["the page's own origin", headOf({ ...bearer, Origin: "http://127.0.0.1" })],
      ["version 8", headOf({ ...bearer, "Sec-WebSocket-Version": "8" })],
      ["white space", headOf({ ...bearer, Upgrade: "  WebSocket \t" })],
    ];
    for (const [name, head] of heads) {
      const text = await compare(name, { head, frames: NONE, until: '"authenticated"' });
      assert.match(text, /^HTTP\/1\.1 101 /, name);
      assert.ok(text.endsWith("\r\n\r\n\x88\x05\x03\xe8bye"), name);
    }
  });

  await t.step("heads that are refused, or whose client is", async () => {
    const heads: [string, string, string][] = [
      ["another path", headOf(bearer, "GET /wsx HTTP/1.1"), " 404 "],
      ["no key", headOf({ "Sec-WebSocket-Key": "" }), " 400 "],
      ["a bad key", headOf({ "Sec-WebSocket-Key": "short" }), " 400 "],
      ["another version", headOf({ "Sec-WebSocket-Version": "12" }), " 400 "],
      ["another method", headOf({}, "POST /ws HTTP/1.1"), " 405 "],
      ["a sub-protocol twice", headOf({ "Sec-WebSocket-Protocol": "a, a" }), " 400 "],
      ["two upgrades", headOf({ Upgrade: "h2c, websocket" }), " 400 "],
      ["another origin", headOf({ Origin: "https://evil.example" }), "Origin not allowed"],
      ["a bad token", headOf({ Authorization: "Bearer x" }), '"error"'],
      ["no HTTP", "hello\r\n\r\n", " 400 "],
    ];
    for (const [name, head, expected] of heads) {
      await compare(name, { head, frames: NONE, until: expected });
    }
  });

  await t.step("frames, right behind the head and in pieces", async () => {
    const text = (value: object) => frame(0x81, JSON.stringify(value));
    const ping = text({ type: "ping", id: "1" });
    const cases: [string, Buffer, string][] = [
      ["text", ping, '"pong"'],
      [
        "fragments",
        Buffer.concat([
          frame(0x01, '{"type":'),
          frame(0x89, "x"),
          frame(0x00, '"ping",'),
          frame(0x80, '"id":"é"}'),
        ]),
        "\x8a\x01x",
      ],
      ["no JSON", frame(0x81, "{"), '"error"'],
      ["a long frame", frame(0x81, "x".repeat(65_536)), '"error"'],
      ["too long a frame", frame(0x81, "x", 65_537), closing(1009)],
      ["binary", frame(0x82, "x"), "\x88"],
      ["no mask", Buffer.from([0x81, 0x01, 0x61]), closing(1002)],
      ["no UTF-8", frame(0x81, Buffer.from([0xff])), closing(1007)],
      ["a reserved bit", frame(0xc1, "x"), closing(1002)],
      ["an unknown opcode", frame(0x83, "x"), closing(1002)],
      ["a close without a code", frame(0x88), "\x88\x00"],
      ["a close with a bad code", frame(0x88, Buffer.from([0x03, 0xee])), closing(1002)],
      [
        "pings",
        Buffer.concat([...Array(50).fill(frame(0x89, "p")), frame(0x89, "q")]),
        "\x8a\x01q",
      ],
    ];
    for (const [name, frames, expected] of cases) {
      for (const chunk of [0, frames.length > 1_000 ? 1_000 : 1]) {
        await compare(name, { head: headOf(bearer), frames, chunk, until: expected });
      }
    }
  });

  await t.step("pings of a client that never reads cost little, and delay nobody", async () => {
    const other = await system.client({ user: "other" });
    const pings = Buffer.concat(Array(100_000).fill(frame(0x89)));
    for (const cut of [0, 10]) {
      using flood = await opened(cut);
      flood.pause();
      const before = rssOf(process.pid);
      for (let i = 0; i < 20; i++) flood.socket.write(pings);
      for (let i = 0; i < 50; i++) {
        other.send({ type: "ping", id: `${i}` });
        await other.take("pong");
      }
      const grown = (rssOf(process.pid) - before) / 2 ** 20;
      assert.ok(grown < 64, `${grown} MiB`);
      // It is slowed down, and not closed.
      assert.ok(!flood.socket.destroyed && flood.socket.writableLength > 0);
    }
    other.close();
  });

  await t.step("a client that goes on after the close is not read for long", async () => {
    const pings = Buffer.concat(Array(100_000).fill(frame(0x89)));
    for (const cut of [0, 10]) {
      using flood = await opened(cut);
      await flood.send(frame(0x82, "x"));
      await until("the close", () => flood.text.includes("Binary frames"));
      let sent = 0;
      for (; sent < 64e6 && !flood.socket.destroyed; sent += pings.length) {
        await flood.send(pings);
      }
      // Some of it is in the buffers of the system.
      assert.ok(sent < 15e6, `${sent}`);
    }
  });

  await t.step("a client that ends without a close frame is let go", async () => {
    for (const pieces of [headOf(bearer), headOf(bearer).slice(0, 20), ""]) {
      using connection = openRaw(port);
      connection.socket.end(pieces);
      await until("the close", () => connection.closed);
    }
  });

  await t.step("a runtime that does not let handles be read goes through node:http", async () => {
    await using other = startService(
      "gateway",
      system.natsEnv("gateway"),
      "tests/harness/gateway_without_handles.ts",
    );
    await other.ready();
    await other.process.line('"direct":false');
    const cases: [string, Buffer, string][] = [
      [headOf(bearer), frame(0x81, JSON.stringify({ type: "ping", id: "1" })), '"pong"'],
      [headOf(bearer), frame(0x89, "p"), "\x8a\x01p"],
      [headOf(bearer), frame(0x83, "x"), closing(1002)],
      [headOf(bearer, "GET /wsx HTTP/1.1"), NONE, " 404 "],
      [headOf({ Origin: "https://evil.example" }), NONE, "Origin not allowed"],
    ];
    for (const [head, frames, last] of cases) {
      const one: Talk = { head, frames, until: last };
      assert.equal(await talk(1, one, other.port), await talk(1, one), last);
    }
    const client = await connectClient(`ws://127.0.0.1:${other.port}/ws`, { headers: bearer });
    client.send({ type: "subscribe", room: "lobby" });
    await client.take("subscribed");
    client.close();
  });

  await t.step("behind a proxy that sends a PROXY header", async () => {
    await using proxied = startService("gateway", {
      ...system.natsEnv("gateway"),
      TRUSTED_PROXIES: "127.0.0.2",
      PROXY_PROTOCOL: "true",
    });
    await proxied.ready();
    const bytes = Buffer.concat([
      proxyHeader("203.0.113.9"),
      Buffer.from(headOf({ ...bearer, Origin: "https://evil.example" })),
    ]);
    for (const size of [bytes.length, 28, 5]) {
      using connection = openRaw(proxied.port, "127.0.0.2");
      for (let at = 0; at < bytes.length; at += size) {
        await connection.send(bytes.subarray(at, at + size));
      }
      await until("the answer", () => connection.text.includes("Origin not allowed"));
    }
    assert.ok(proxied.process.output.some((line) => line.includes("203.0.113.9")));
  });
});
