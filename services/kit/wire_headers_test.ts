import assert from "node:assert/strict";
import { headers as createHeaders, type Msg } from "@nats-io/transport-node";
import { startNats } from "../../tests/harness/nats.ts";
import { connectBus } from "./bus.ts";
import { createLogger } from "./log.ts";
import {
  encodeHeaders,
  hasWireHeader,
  headerName,
  recordedTraceparent,
  wireHeader,
  wireHeaderNumber,
} from "./wire_headers.ts";

Deno.test("sent headers and read headers agree with the library's", async () => {
  await using nats = await startNats();
  const bus = await connectBus({
    url: nats.url,
    name: "test",
    log: createLogger("test", { write: () => {} }),
  });
  const came: Msg[] = [];
  const two = Promise.withResolvers<void>();
  bus.nats.subscribe("x", {
    callback: (_, message) => {
      came.push(message);
      if (came.length === 3) two.resolve();
    },
  });
  bus.nats.publish("x", "1", {
    headers: encodeHeaders("Nats-Msg-Id", "a:b", "left-out", undefined, "traceparent", "00-é"),
  });
  const theirs = createHeaders();
  theirs.set("Nats-Sequence", "9007199254740991");
  theirs.set("Nats-Sequence-Not", "1");
  theirs.set("empty", "");
  bus.nats.publish("x", "a: b\r\nlater: 1\r\n", { headers: theirs });
  bus.nats.publish("x", "later: 1\r\n");
  await two.promise;
  const [ours, second, bare] = came as [Msg, Msg, Msg];
  assert.equal(ours.headers!.get("Nats-Msg-Id"), "a:b");
  assert.equal(ours.headers!.get("traceparent"), "00-é");
  assert.equal(ours.headers!.has("left-out"), false);
  assert.equal(wireHeader(ours, headerName("Nats-Msg-Id")), "a:b");
  assert.equal(wireHeader(ours, headerName("Nats-Msg")), undefined);
  assert.equal(hasWireHeader(ours, headerName("Nats-Msg-Id")), true);
  assert.equal(hasWireHeader(ours, headerName("Nats-Msg")), false);
  assert.equal(hasWireHeader(bare, headerName("later")), false);
  assert.equal(wireHeaderNumber(second, headerName("Nats-Sequence")), 9_007_199_254_740_991);
  assert.equal(wireHeader(second, headerName("Nats-Sequence")), "9007199254740991");
  assert.equal(wireHeader(second, headerName("empty")), undefined);
  assert.equal(wireHeader(second, headerName("later")), undefined, "the payload is not a header");
  assert.ok(Number.isNaN(wireHeaderNumber(second, headerName("a"))));
  assert.equal(wireHeader(bare, headerName("later")), undefined);
  assert.equal(recordedTraceparent(ours), undefined, "the value is not a traceparent");
  assert.equal(recordedTraceparent(second), undefined);
  assert.equal(recordedTraceparent(bare), undefined);
  // A message as another release of the library might represent it.
  const plain = { headers: second.headers } as Msg;
  assert.equal(wireHeaderNumber(plain, headerName("Nats-Sequence")), 9_007_199_254_740_991);
  assert.equal(wireHeader(plain, headerName("empty")), undefined);
  await bus.drain();
});

Deno.test("a traceparent is returned only if its trace is recorded", () => {
  const traceparent = (flags: string) =>
    `00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-${flags}`;
  const message = (value: string) => {
    const headers = encodeHeaders("traceparent", value, "later", "1");
    const bytes = (headers as unknown as { encode(): Uint8Array }).encode();
    return { _rdata: bytes, _msg: { hdr: bytes.length } } as unknown as Msg;
  };
  assert.equal(recordedTraceparent(message(traceparent("01"))), traceparent("01"));
  assert.equal(recordedTraceparent(message(traceparent("03"))), traceparent("03"));
  assert.equal(recordedTraceparent(message(traceparent("00"))), undefined);
  assert.equal(recordedTraceparent(message("01")), undefined);
  const theirs = createHeaders();
  theirs.set("traceparent", traceparent("01"));
  assert.equal(recordedTraceparent({ headers: theirs } as Msg), traceparent("01"));
});
