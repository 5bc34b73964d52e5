/**
 * The process of sixteen connections of one user that attack. Each is replaced when the gateway closes it.
 * Its arguments are the attack and the port.
 *
 * @module
 */
import { tokenFor } from "../../harness/system.ts";
import { HOPWIRE_WIRE } from "../wires/hopwire_wire.ts";
import { clientFrame, TEXT } from "../client_frame.ts";
import { type Attack, type AttackPlan, planOf } from "./attacks.ts";

/** How many connections attack. */
const CONNECTIONS = 16;

/** Frames in one write. */
const BURST = 20;

/** How long a connection waits between two writes, milliseconds. */
const PAUSE_MS = 5;

/** How long an attacker waits before it connects again, milliseconds. */
const AGAIN_MS = 10;

const encoder = new TextEncoder();
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
let stopped = false;
let attempts = 0;

/** Reads a connection until it ends. */
async function readAll(connection: Deno.TcpConn, ended: () => void): Promise<void> {
  const buffer = new Uint8Array(256 * 1_024);
  try {
    while (await connection.read(buffer) !== null);
  } catch {
    // Closed.
  }
  ended();
}

/** One connection, until the gateway has closed it. */
async function attackOnce(plan: AttackPlan, port: number, token: string): Promise<void> {
  const connection = await Deno.connect({ hostname: "127.0.0.1", port });
  let open = true;
  try {
    const shown = plan.token === "bad" ? `${token.slice(0, -3)}AAA` : token;
    await connection.write(encoder.encode((await HOPWIRE_WIRE.ticket(shown)).request));
    // The answer tells that the gateway has taken the connection.
    await connection.read(new Uint8Array(4_096));
    if (plan.reads) void readAll(connection, () => open = false);
    const send = (text: string) => connection.write(clientFrame(TEXT, encoder.encode(text)));
    for (const first of plan.first) await send(JSON.stringify(first));
    for (let n = 0; open && !stopped;) {
      for (let i = 0; i < BURST && open; i++) {
        const text = plan.next(n++);
        attempts++;
        if (text === null) return;
        await send(text);
      }
      await pause(PAUSE_MS);
    }
  } finally {
    try {
      connection.close();
    } catch {
      // Closed before.
    }
  }
}

/** Says what happens to the process that began this one. */
const say = (what: object) => Deno.stdout.writeSync(encoder.encode(`${JSON.stringify(what)}\n`));

const [name, port] = Deno.args as [Attack, string];
const plan = planOf(name);
Deno.addSignalListener("SIGTERM", () => {
  stopped = true;
  say({ attempts });
  // One that is blocked in a write would never end.
  Deno.exit();
});
const tokens = await Promise.all(Array.from({ length: CONNECTIONS }, () => tokenFor("eve")));
say({ begun: true });
await Promise.all(tokens.map(async (token) => {
  while (!stopped) {
    await attackOnce(plan, Number(port), token).catch(() => {});
    await pause(AGAIN_MS);
  }
}));
