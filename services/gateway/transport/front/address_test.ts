import assert from "node:assert/strict";
import * as z from "zod";
import { readConfig } from "../../../kit/mod.ts";
import { addressTest, canonicalAddress } from "./address.ts";
import { checkFrontConfig, FRONT_CONFIG } from "./front_config.ts";

const configOf = (env: Record<string, string>) =>
  readConfig(z.object(FRONT_CONFIG), (name) => env[name]);

Deno.test("one address has one text", () => {
  for (
    const [text, canonical] of [
      ["192.0.2.1", "192.0.2.1"],
      ["::ffff:192.0.2.1", "192.0.2.1"],
      ["::FFFF:C000:0201", "192.0.2.1"],
      ["2001:DB8:0000::0001", "2001:db8::1"],
      ["fe80::1%eth0", "fe80::1"],
      ["::1", "::1"],
      ["", null],
      ["unknown", null],
      ["192.0.2", null],
      ["192.0.2.1.1", null],
      ["192.0.2.01", null],
      ["1.2.3.4@example", null],
      ["::1]@example", null],
      ["12345::", null],
    ] as const
  ) assert.equal(canonicalAddress(text), canonical, text);
});

Deno.test("a list holds addresses and networks of both families", () => {
  const isTrusted = addressTest([
    "10.0.0.0/8",
    "192.0.2.7",
    "2001:db8::/32",
    "::ffff:198.51.100.0/120",
  ]);
  for (const address of ["10.255.0.1", "192.0.2.7", "2001:db8:1::2", "198.51.100.9"]) {
    assert.ok(isTrusted(address), address);
  }
  for (const address of ["11.0.0.1", "192.0.2.8", "2001:db9::1", "198.51.101.9", "::1"]) {
    assert.ok(!isTrusted(address), address);
  }
  assert.ok(!addressTest([])("10.0.0.1"));
  assert.ok(addressTest(["0.0.0.0/0"])("203.0.113.1"));
});

Deno.test("TRUSTED_PROXIES takes addresses and networks, and says what is wrong with others", () => {
  const proxies = (text: string) => configOf({ TRUSTED_PROXIES: text }).TRUSTED_PROXIES;
  assert.deepEqual(proxies("10.0.0.0/8, ::1"), ["10.0.0.0/8", "::1"]);
  assert.throws(() => proxies("proxy.internal"), /TRUSTED_PROXIES: "proxy.internal" is not an add/);
  assert.throws(() => proxies("10.0.0.0/33"), /"10.0.0.0\/33" must end with \/ and 0 to 32/);
  assert.throws(() => proxies("10.0.0.0/8/8"), /is not an address or network/);
  assert.throws(() => proxies("10.0.0.0/"), /must end with/);
});

Deno.test("variables that need another one say so", () => {
  for (
    const [env, problem] of [
      [{ TLS_CERT_FILE: "a.pem" }, /^TLS_KEY_FILE: must be set/],
      [{ TLS_KEY_FILE: "a.pem" }, /^TLS_CERT_FILE: must be set/],
      [{ TLS_REDIRECT_PORT: "80" }, /^TLS_REDIRECT_PORT: .*TLS_CERT_FILE/],
      [{ PROXY_PROTOCOL: "true" }, /^PROXY_PROTOCOL: .*TRUSTED_PROXIES/],
    ] as const
  ) assert.throws(() => checkFrontConfig(configOf(env)), { message: problem });
  checkFrontConfig(configOf({}));
});
