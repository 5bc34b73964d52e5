import assert from "node:assert/strict";
import { addressTest } from "./address.ts";
import { clientAddress, type ForwardedHeader } from "./client_address.ts";

const isTrusted = addressTest(["10.0.0.0/8", "fd00::/8"]);

function check(
  kind: ForwardedHeader,
  cases: [connection: string, header: string, client: string][],
) {
  for (const [connection, header, client] of cases) {
    assert.equal(clientAddress(connection, header, kind, isTrusted), client, header);
  }
}

Deno.test("X-Forwarded-For counts from its end, as far as proxies are trusted", () => {
  check("x-forwarded-for", [
    ["192.0.2.1", "203.0.113.9", "192.0.2.1"],
    ["10.0.0.1", "203.0.113.9", "203.0.113.9"],
    ["10.0.0.1", "1.1.1.1, 203.0.113.9", "203.0.113.9"],
    ["10.0.0.1", "203.0.113.9, 10.0.0.2", "203.0.113.9"],
    ["10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3"],
    ["10.0.0.1", "203.0.113.9:4711", "203.0.113.9"],
    ["10.0.0.1", "[2001:DB8::1]:4711", "2001:db8::1"],
    ["10.0.0.1", "2001:db8::1", "2001:db8::1"],
    ["10.0.0.1", "", "10.0.0.1"],
    ["10.0.0.1", "203.0.113.9, unknown", "10.0.0.1"],
    ["10.0.0.1", "203.0.113.9, <script>, 10.0.0.2", "10.0.0.2"],
    ["10.0.0.1", ",".repeat(5_000), "10.0.0.1"],
  ]);
  assert.equal(clientAddress("10.0.0.1", undefined, "x-forwarded-for", isTrusted), "10.0.0.1");
});

Deno.test("Forwarded counts in the same way", () => {
  check("forwarded", [
    ["192.0.2.1", "for=203.0.113.9", "192.0.2.1"],
    ["10.0.0.1", "for=203.0.113.9;proto=https;by=10.0.0.1", "203.0.113.9"],
    ["10.0.0.1", "for=1.1.1.1, For=203.0.113.9", "203.0.113.9"],
    ["10.0.0.1", 'proto=http; for="[2001:db8::1]:4711", for="[fd00::2]"', "2001:db8::1"],
    ["10.0.0.1", 'for="203.0.113.9:80", for=10.0.0.2', "203.0.113.9"],
    ["10.0.0.1", "for=203.0.113.9, for=_hidden", "10.0.0.1"],
    ["10.0.0.1", "for=203.0.113.9, proto=http", "10.0.0.1"],
    ["10.0.0.1", "before=203.0.113.9", "10.0.0.1"],
  ]);
});
