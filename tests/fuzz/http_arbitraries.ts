/**
 * Generators of what a hostile client might send over HTTP: handshakes, other requests, and bodies for the
 * transports that need no WebSocket.
 *
 * @module
 */
import fc from "fast-check";
import { frameText, nearly } from "./arbitraries.ts";

/** Headers of a handshake, each right or nearly so. */
const HANDSHAKE: string[][] = [
  ["Upgrade: websocket", "upgrade: WebSocket", "Upgrade: h2c", "Upgrade: websocket, websocket"],
  ["Connection: Upgrade", "Connection: keep-alive, Upgrade", "Connection: close"],
  [
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Key: short",
    "Sec-WebSocket-Key: ".padEnd(5_000, "A"),
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==, dGhlIHNhbXBsZSBub25jZQ==",
  ],
  ["Sec-WebSocket-Version: 13", "Sec-WebSocket-Version: 8", "Sec-WebSocket-Version: 13, 13"],
];

/** What may stand beside them. */
const BESIDE = [
  "Origin: http://evil.example",
  "Origin: http://gateway",
  "Origin: null",
  "Origin: \u00ff",
  "Authorization: Bearer x.y.z",
  "Authorization: Bearer eyJhbGciOiJub25lIn0.e30.",
  "Authorization: Bearer ".padEnd(12_000, "t"),
  "Authorization: Basic eDp5",
  "Sec-WebSocket-Protocol: hopwire.v1, bearer.x.y.z",
  "Sec-WebSocket-Protocol: bearer.".padEnd(9_000, "t"),
  "Sec-WebSocket-Protocol: ,,,",
  "Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=99",
  'Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits="',
  "X-Forwarded-For: 1.2.3.4, 5.6.7.8",
  'Forwarded: for="[::1";proto=https',
  "Transfer-Encoding: chunked",
  "Content-Length: 3",
  "Expect: 100-continue",
];

/** Handshakes that are nearly right, as text, and bytes that follow them at once. */
export const handshakeText: fc.Arbitrary<string> = fc.tuple(
  fc.constantFrom("/ws", "/ws", "/ws", "/ws?token=x.y.z", "/%77s", "/ws/", "/ws?token=%", "//ws"),
  fc.tuple(...HANDSHAKE.map(([right, ...odd]) =>
    fc.oneof(
      { weight: 12, arbitrary: fc.constant(right!) },
      { weight: 2, arbitrary: fc.constantFrom(...odd) },
      { weight: 1, arbitrary: fc.constant("") },
    )
  )),
  fc.subarray(BESIDE, { maxLength: 4 }),
  fc.oneof(fc.constant(""), fc.string({ unit: "binary", maxLength: 60 })),
).map(([path, headers, beside, rest]) => {
  const lines = [...headers.filter((line) => line !== ""), ...beside];
  return `GET ${path} HTTP/1.1\r\nHost: gateway\r\n${lines.join("\r\n")}\r\n\r\n${rest}`;
});

/** A body for one of the transports over HTTP. */
export interface HttpBody {
  path: string;
  method: string;
  /** The first line, in which {@link SESSION} stands for a session and {@link NEXT} for what comes next. */
  head: string;
  /** Further lines. */
  lines: string[];
}

/** Stand for the key of a session, and for the number of its next post or its last answer. */
export const SESSION = "SESSION";
export const NEXT = 424_242;

/** Bodies that are nearly right. */
export const httpBody: fc.Arbitrary<HttpBody> = fc.record({
  path: fc.constantFrom("/send", "/send", "/send", "/poll", "/sse", "/send?x", "/poll?x"),
  method: fc.oneof(
    { weight: 20, arbitrary: fc.constant("POST") },
    { weight: 1, arbitrary: fc.constantFrom("PUT", "OPTIONS", "DELETE") },
  ),
  head: fc.oneof(
    { weight: 4, arbitrary: fc.constant(JSON.stringify({ session: SESSION, n: NEXT })) },
    {
      weight: 4,
      arbitrary: nearly({ session: SESSION, n: NEXT, after: NEXT }).map((head) =>
        JSON.stringify(head)
      ),
    },
    { weight: 1, arbitrary: fc.json() },
    { weight: 1, arbitrary: fc.string({ unit: "binary", maxLength: 200 }) },
    { weight: 1, arbitrary: fc.nat(20_000).map((depth) => "[".repeat(depth)) },
  ),
  lines: fc.array(
    fc.oneof(
      { weight: 9, arbitrary: frameText },
      { weight: 1, arbitrary: fc.nat(400_000).map((length) => " ".repeat(length)) },
    ),
    { maxLength: 5 },
  ),
});

/** Requests of HTTP, as text: upgrades, the HTTP transports, and others. */
export const requestText: fc.Arbitrary<string> = fc.tuple(
  fc.oneof(
    { weight: 5, arbitrary: fc.constantFrom("GET", "POST", "OPTIONS", "HEAD", "PUT") },
    { weight: 1, arbitrary: fc.string({ maxLength: 8 }) },
  ),
  fc.oneof(
    {
      weight: 5,
      arbitrary: fc.constantFrom(
        ...["/ws", "/poll", "/send", "/sse", "/healthz", "/readyz", "/ws?token=x", "//", "/%00"],
        "/ws?".padEnd(9_000, "a"),
      ),
    },
    { weight: 1, arbitrary: fc.webPath() },
    { weight: 1, arbitrary: fc.string({ maxLength: 40 }) },
  ),
  fc.array(
    fc.oneof(
      fc.constantFrom(
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Version: 99",
        "Sec-WebSocket-Key: short",
        "Sec-WebSocket-Protocol: hopwire, bearer, x",
        "Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=99",
        "Origin: http://evil.example",
        "Authorization: Bearer x.y.z",
        "Content-Length: 5",
        "Content-Length: -1",
        "Transfer-Encoding: chunked",
        "Content-Type: text/plain",
        "X-Forwarded-For: 1.2.3.4, 5.6.7.8",
        "Forwarded: for=1.2.3.4;proto=https",
        "Cookie: ".padEnd(20_000, "c"),
      ),
      fc.tuple(fc.string({ maxLength: 20 }), fc.string({ maxLength: 60 }))
        .map(([name, value]) => `${name}: ${value}`),
    ),
    { maxLength: 9 },
  ),
  fc.oneof(frameText, fc.string({ unit: "binary", maxLength: 100 })),
).map(([method, path, headers, body]) =>
  `${method} ${path} HTTP/1.1\r\nHost: gateway\r\n${headers.join("\r\n")}\r\n\r\n${body}`
);
