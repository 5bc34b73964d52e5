/**
 * The system that the suite tests the client against: two gateways, a proxy in front of them, and an
 * HTTP server through which the suite controls both from any runtime.
 *
 * @module
 */
import { connect } from "@nats-io/transport-node";
import * as z from "zod";
import { startProxy } from "../harness/proxy.ts";
import { startSystem, tokenFor } from "../harness/system.ts";

const Action = z.object({
  /** What to do: a key of `actions`. */
  do: z.string(),
  /** The user that a token, an event or a revocation is for. */
  user: z.string().optional(),
  /** Lifetime of the token, seconds. Negative for an expired one. */
  lifetime: z.number().optional(),
  /** Further claims of the token. */
  claims: z.record(z.string(), z.unknown()).optional(),
  /** Index of a gateway. */
  gateway: z.number().optional(),
  /** How the proxy behaves. What is not given returns to normal. */
  mode: z.object({
    webSocket: z.boolean(),
    buffering: z.boolean(),
    silent: z.boolean(),
  }).partial().optional(),
});

/** Starts the system. `address` is where the suite sends its actions. */
export async function startControlledSystem(): Promise<{ address: string } & AsyncDisposable> {
  const system = await startSystem({
    gateways: 2,
    namespaces: [{ pattern: "cursor.*", stored: false }, { pattern: "secret.*", access: [] }],
    env: { gateway: { PRESENCE_LINGER_MS: "0" } },
  });
  const proxy = await startProxy(system.gateways.map(({ port }) => port));
  const bus = await connect({ servers: system.nats.url });
  bus.subscribe("call.dice.roll", {
    callback: (_, message) => void message.respond(JSON.stringify({ rolled: message.json() })),
  });
  bus.subscribe("call.slow.sleep", { callback: () => {} });
  const actions: Record<string, (action: z.infer<typeof Action>) => unknown> = {
    addresses: () => ({
      gateways: system.gateways.map(({ port }) => `http://127.0.0.1:${port}`),
      proxy: `http://127.0.0.1:${proxy.port}`,
    }),
    token: ({ user, lifetime = 3_600, claims = {} }) =>
      tokenFor(user!, { exp: Math.floor(Date.now() / 1_000) + lifetime, ...claims }),
    killGateway: ({ gateway }) => system.gateways[gateway!]!.kill(),
    async restartGateway({ gateway }) {
      await system.gateways[gateway!]!.restart();
      await system.gateways[gateway!]!.ready();
    },
    setProxyMode({ mode }) {
      Object.assign(proxy.mode, { webSocket: true, buffering: false, silent: false }, mode);
    },
    cutConnections: () => proxy.cut(),
    requestCounts: () => proxy.requests,
    revokeTokens: ({ user }) => bus.publish(`auth.revoked.${user}`, "{}"),
    sendEvent: ({ user }) =>
      bus.publish(`user.event.${user}`, JSON.stringify({ topic: "order.shipped", data: 17 })),
  };
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    async (request) => {
      try {
        const action = Action.parse(await request.json());
        return Response.json(await actions[action.do]!(action) ?? null);
      } catch (error) {
        return new Response(String(error), { status: 500 });
      }
    },
  );
  return {
    address: `http://127.0.0.1:${server.addr.port}`,
    async [Symbol.asyncDispose]() {
      await server.shutdown();
      await bus.close();
      await proxy[Symbol.asyncDispose]();
      await system[Symbol.asyncDispose]();
    },
  };
}
