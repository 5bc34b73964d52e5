/**
 * The world in which the client's suite runs: a real system with two gateways, a proxy in front of them,
 * and a port at which the suite, in whatever runtime it is, has things done to it.
 *
 * @module
 */
import { connect } from "@nats-io/transport-node";
import * as z from "zod";
import { messageSubject } from "../../services/contract/mod.ts";
import { startProxy } from "../harness/proxy.ts";
import { startSystem, tokenFor } from "../harness/system.ts";

const Action = z.object({
  do: z.string(),
  user: z.string().optional(),
  /** Seconds that a token lives. */
  lives: z.number().optional(),
  claims: z.record(z.string(), z.unknown()).optional(),
  gateway: z.number().optional(),
  mode: z.object({
    webSocket: z.boolean(),
    buffering: z.boolean(),
    silent: z.boolean(),
  }).partial().optional(),
  room: z.string().optional(),
});

/** Starts the world; `address` is what the suite is given. */
export async function startWorld(): Promise<{ address: string } & AsyncDisposable> {
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
  const acts: Record<string, (action: z.infer<typeof Action>) => unknown> = {
    where: () => ({
      gateways: system.gateways.map(({ port }) => `http://127.0.0.1:${port}`),
      proxy: `http://127.0.0.1:${proxy.port}`,
    }),
    token: ({ user, lives = 3_600, claims = {} }) =>
      tokenFor(user!, { exp: Math.floor(Date.now() / 1_000) + lives, ...claims }),
    kill: ({ gateway }) => system.gateways[gateway!]!.kill(),
    async restart({ gateway }) {
      await system.gateways[gateway!]!.restart();
      await system.gateways[gateway!]!.ready();
    },
    mode({ mode }) {
      Object.assign(proxy.mode, { webSocket: true, buffering: false, silent: false }, mode);
    },
    cut: () => proxy.cut(),
    requests: () => proxy.requests,
    revoke: ({ user }) => bus.publish(`auth.revoked.${user}`, "{}"),
    event: ({ user }) =>
      bus.publish(`user.event.${user}`, JSON.stringify({ topic: "order.shipped", data: 17 })),
    // A message that no gateway is told of: the next one shows a gap.
    async hole({ room }) {
      await bus.request(
        messageSubject(room!),
        JSON.stringify({
          room,
          id: "hole",
          userId: "service",
          username: "service",
          content: "from a service",
          timestamp: Date.now(),
        }),
      );
    },
  };
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    async (request) => {
      try {
        const action = Action.parse(await request.json());
        return Response.json(await acts[action.do]!(action) ?? null);
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
