import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { restLength, sourceOf } from "./proxy_header.ts";

const SIGNATURE = "0d0a0d0a000d0a515549540a";
const header = (hex: string) => {
  const bytes = Buffer.from(SIGNATURE + hex, "hex");
  return [bytes.subarray(0, 16), bytes.subarray(16)] as const;
};

Deno.test("a header tells the source of IPv4 and IPv6 connections", () => {
  const four = header("2111000c" + "cb007109" + "0a000001" + "1234" + "01bb");
  assert.equal(restLength(four[0]), 12);
  assert.equal(sourceOf(...four), "203.0.113.9");
  const six = header(`21210024${"20010db8".padEnd(31, "0")}1${"0".repeat(32)}123401bb`);
  assert.equal(restLength(six[0]), 36);
  assert.equal(sourceOf(...six), "2001:db8::1");
  const extended = header("21110010" + "cb007109" + "0a000001" + "1234" + "01bb" + "04000100");
  assert.equal(sourceOf(...extended), "203.0.113.9");
});

Deno.test("the proxy's own connections and unspecified sources keep the address of the connection", () => {
  assert.equal(sourceOf(...header("20000000")), "own");
  assert.equal(sourceOf(...header("2011000c" + "cb0071090a000001123401bb")), "own");
  assert.equal(sourceOf(...header("21000000")), "own");
});

Deno.test("what is no header of version 2, or too long, is refused", () => {
  assert.equal(restLength(Buffer.from("GET / HTTP/1.1\r\n")), null);
  assert.equal(restLength(Buffer.from("PROXY TCP4 1.2.3")), null);
  assert.equal(restLength(Buffer.from(SIGNATURE, "hex")), null);
  assert.equal(restLength(header("21110801")[0]), null);
  for (
    const hex of [
      "1111000c" + "cb0071090a000001123401bb", // version 1
      "2211000c" + "cb0071090a000001123401bb", // unknown command
      "2112000c" + "cb0071090a000001123401bb", // UDP
      "21110008" + "cb0071090a000001", // no ports
      "2121000c" + "cb0071090a000001123401bb", // too short for IPv6
      "213100d8" + "00".repeat(216), // a socket file
    ]
  ) assert.equal(sourceOf(...header(hex)), null, hex);
});
