/**
 * The other user, who pings a hundred times a second, whatever happens.
 *
 * @module
 */
import type { TestClient } from "../../harness/client.ts";
import { Histogram } from "../histogram.ts";

/** The time from one ping to the next, milliseconds. */
const EVERY_MS = 10;

/** How long the last answers are waited for, milliseconds. */
const LAST_MS = 5_000;

/** See the module's doc. */
export class Victim {
  /** From the time at which a ping was due until its answer. */
  readonly times = new Histogram();

  /** Pings for `ms` milliseconds. An answer that never comes counts as one that came too late. */
  async ping(client: TestClient, ms: number): Promise<void> {
    const due = new Map<string, number>();
    const onMessage = ({ data }: MessageEvent<string>) => {
      if (!data.startsWith('{"type":"pong"')) return;
      const { id } = JSON.parse(data);
      const at = due.get(id);
      due.delete(id);
      client.frames.length = 0;
      if (at !== undefined) this.times.add((performance.now() - at) * 1_000);
    };
    client.socket.addEventListener("message", onMessage);
    const begin = performance.now();
    for (let n = 0; n * EVERY_MS < ms; n++) {
      const at = begin + n * EVERY_MS;
      const wait = at - performance.now();
      if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
      due.set(`${n}`, Math.max(at, begin));
      client.send(`{"type":"ping","id":"${n}"}`);
    }
    const end = performance.now() + LAST_MS;
    while (due.size > 0 && performance.now() < end) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    client.socket.removeEventListener("message", onMessage);
    for (const at of due.values()) this.times.add((performance.now() - at) * 1_000);
  }
}
