/**
 * The routes that receive telemetry: OTLP over HTTP, with protobuf or JSON, as it is or packed with gzip.
 *
 * @module
 */
import type { Context, Hono } from "hono";
import { decode, type Decoded, DecodeError, encodingOf, type Signal } from "../otlp/decode.ts";
import { encodeStatus } from "../otlp/protobuf.ts";
import type { Access } from "./access.ts";
import { BodyError, readBody, unpack } from "./body.ts";

/**
 * Largest body, bytes, packed and unpacked. Deno sends at most 512 spans at once, which is 500 KB; the
 * metrics of a gateway are 100 KB.
 */
const MAX_BODY = 8 * 1024 * 1024;

/** Most bodies that are read at the same time. */
const MAX_AT_ONCE = 16;

/** How long a body may take to arrive, milliseconds. Exporters give up after 10 s. */
const BODY_MS = 10_000;

/** gRPC's codes, which OTLP answers with. */
const INVALID_ARGUMENT = 3;
const UNAVAILABLE = 14;

/** What becomes of what was received. */
export interface Receiver {
  received(decoded: Decoded): void;
  /** Gets each accepted body as it came. */
  forward(signal: Signal, headers: Record<string, string>, body: Uint8Array<ArrayBuffer>): void;
}

/** Adds `POST /v1/traces`, `/v1/metrics` and `/v1/logs`. A body may take `bodyMs` to arrive, milliseconds. */
export function addReceiveRoutes(
  app: Hono,
  access: Access,
  receiver: Receiver,
  bodyMs: number = BODY_MS,
): void {
  let reading = 0;
  for (const signal of ["traces", "metrics", "logs"] as const) {
    app.post(`/v1/${signal}`, access.senders, async (c) => {
      const type = c.req.header("content-type");
      const encoding = encodingOf(type);
      if (encoding === undefined) {
        return refuse(
          c,
          415,
          `Content-Type: expected application/x-protobuf or application/json (got ${
            type ?? "none"
          })`,
        );
      }
      if (reading >= MAX_AT_ONCE) {
        c.header("retry-after", "1");
        return refuse(c, 503, "too many requests at the same time");
      }
      reading++;
      try {
        const body = await readBody(c.req.raw, MAX_BODY, bodyMs);
        const packed = c.req.header("content-encoding");
        receiver.received(decode(signal, encoding, await unpack(body, packed, MAX_BODY)));
        receiver.forward(signal, {
          "content-type": type!,
          ...packed === undefined ? {} : { "content-encoding": packed },
        }, body);
      } catch (error) {
        if (error instanceof DecodeError) return refuse(c, 400, error.message);
        if (error instanceof BodyError) return refuse(c, error.status, error.message);
        throw error;
      } finally {
        reading--;
      }
      return encoding === "json"
        ? c.json({})
        : c.body("", 200, { "content-type": "application/x-protobuf" });
    });
  }
}

function refuse(c: Context, status: 400 | 408 | 413 | 415 | 503, message: string): Response {
  const code = status === 503 ? UNAVAILABLE : INVALID_ARGUMENT;
  if (encodingOf(c.req.header("content-type")) !== "protobuf") {
    return c.json({ code, message }, status);
  }
  return c.body(encodeStatus(code, message), status, { "content-type": "application/x-protobuf" });
}
