/**
 * Recognizes the usual head of a WebSocket handshake, so that it need not go through node:http. It takes
 * only what has one meaning: whatever is unusual, wrong, or not complete is left to node:http and npm ws,
 * which answer it.
 *
 * @module
 */
import type { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
// @ts-types="@types/ws"
import * as ws from "ws";

/** A handshake. */
export interface UpgradeHead {
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  /** The bytes of the head. What the client sends after it are frames. */
  readonly length: number;
  /** The value of Sec-WebSocket-Key. */
  readonly key: string;
  /** The sub-protocols that the client offers. */
  readonly protocols: Set<string>;
}

/** Longer heads are left to node:http, which allows 16 KiB. Ours have a token of 8 KiB at most. */
const MAX_HEAD_BYTES = 12 * 1_024;

/** More headers than a handshake has, and fewer than node:http takes. */
const MAX_HEADERS = 64;

/** The longest path, with its query, that is used as it is. */
const REQUEST_LINE = /^GET (\/[!-~]{0,10000}) HTTP\/1\.1$/;

/** A header without white space at the end of its name or a continued line. */
const HEADER = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([!-~][ -~\t]*)?$/;

/** The base64 of 16 bytes. */
const KEY = /^[+/0-9A-Za-z]{22}==$/;

/** What RFC 6455 appends to the key before it is hashed. */
const GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/** What ws does not list among its types. */
const { subprotocol } = ws as unknown as {
  subprotocol: { parse(header: string): Set<string> };
};

/** Returns the handshake that `bytes` begin with; null if there is none that is complete and usual. */
export function readUpgradeHead(bytes: Buffer): UpgradeHead | null {
  const text = bytes.toString("latin1", 0, MAX_HEAD_BYTES);
  const end = text.indexOf("\r\n\r\n");
  const lines = text.slice(0, Math.max(0, end)).split("\r\n", MAX_HEADERS + 2);
  const url = REQUEST_LINE.exec(lines[0]!)?.[1];
  if (url === undefined || lines.length > MAX_HEADERS + 1) return null;
  const headers: IncomingHttpHeaders = Object.create(null);
  for (let i = 1; i < lines.length; i++) {
    const match = HEADER.exec(lines[i]!);
    if (match === null) return null;
    const name = match[1]!.toLowerCase();
    // Node joins some repeated headers, keeps the first or all of others, and refuses others.
    if (name in headers) return null;
    headers[name] = (match[2] ?? "").trimEnd();
  }
  const key = headers["sec-websocket-key"];
  if (
    headers.host === undefined || typeof key !== "string" || !KEY.test(key) ||
    headers["sec-websocket-version"] !== "13" || headers.upgrade?.toLowerCase() !== "websocket" ||
    !/(^|,)[ \t]*upgrade[ \t]*(,|$)/i.test(headers.connection ?? "") ||
    "content-length" in headers || "transfer-encoding" in headers || "expect" in headers
  ) return null;
  const protocols = protocolsOf(headers["sec-websocket-protocol"]);
  return protocols && { url, headers, length: end + 4, key, protocols };
}

/** Returns the answer that accepts a handshake, with the sub-protocol that was chosen. */
export function upgradeAnswer({ key }: UpgradeHead, protocol: string | false): string {
  const accept = createHash("sha1").update(key + GUID).digest("base64");
  const chosen = protocol === false ? "" : `Sec-WebSocket-Protocol: ${protocol}\r\n`;
  return "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
    `Sec-WebSocket-Accept: ${accept}\r\n${chosen}\r\n`;
}

/** Parses the offered sub-protocols; null if npm ws would refuse them. */
function protocolsOf(header: string | undefined): Set<string> | null {
  if (header === undefined) return new Set();
  try {
    return subprotocol.parse(header);
  } catch {
    return null;
  }
}
