import assert from "node:assert/strict";
import { gatewayEnvironments, gatewayReadyUrl } from "./gateway_environments.ts";

Deno.test("several gateways on one port have health ports of their own", () => {
  const env = { PORT: "8080", DEMO: "true" };
  assert.deepEqual(gatewayEnvironments(env, 1), [env]);
  assert.equal(gatewayReadyUrl("127.0.0.1", env), "http://127.0.0.1:8080/readyz");

  const three = gatewayEnvironments(env, 3);
  assert.equal(new Set(three.map(({ HEALTH_PORT }) => HEALTH_PORT)).size, 3);
  for (const one of three) {
    assert.deepEqual({ ...one, HEALTH_PORT: undefined }, { ...env, HEALTH_PORT: undefined });
    const url = `http://127.0.0.1:${one.HEALTH_PORT}/readyz`;
    assert.equal(gatewayReadyUrl("127.0.0.1", { ...one, TLS_CERT_FILE: "cert.pem" }), url);
  }
});

Deno.test("health ports follow the given one, and each has a file of its own", () => {
  const env = { PORT: "8080", HEALTH_PORT: "9000", HEALTH_PORT_FILE: "/run/port" };
  assert.deepEqual(
    gatewayEnvironments(env, 3).map((one) => [one.HEALTH_PORT, one.HEALTH_PORT_FILE]),
    [["9000", "/run/port"], ["9001", "/run/port-2"], ["9002", "/run/port-3"]],
  );
});
