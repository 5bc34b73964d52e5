/**
 * `deno task erase --room ROOM --seq SEQ [--epoch EPOCH]`, or `--user USER`: erases one message, or all
 * messages of a user, while the system runs. What remains is each message's place in the order.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { HistoryErase } from "../../contract/mod.ts";
import { type Bus, request } from "../../kit/mod.ts";
import { runCommand } from "./operator_bus.ts";

/** The time that one part of the archive may take, milliseconds. */
const TIMEOUT_MS = 30_000;

/** Erases the messages of a user. Returns how many. */
export async function eraseUser(bus: Bus, userId: string): Promise<number> {
  let erased = 0;
  let after: { epoch: string; room: string; seq: number } | undefined;
  do {
    const reply = await request(bus, HistoryErase, { userId, after }, { timeout: TIMEOUT_MS });
    erased += reply.erased;
    after = reply.next;
  } while (after !== undefined);
  return erased;
}

if (import.meta.main) {
  await runCommand(async (bus) => {
    const { values: { room, seq, epoch, user } } = parseArgs({
      args: Deno.args,
      options: {
        room: { type: "string" },
        seq: { type: "string" },
        epoch: { type: "string" },
        user: { type: "string" },
      },
    });
    if ((user === undefined) === (room === undefined || !/^\d+$/.test(seq ?? ""))) {
      throw new Error("usage: deno task erase --room ROOM --seq SEQ [--epoch EPOCH] | --user USER");
    }
    const erased = user !== undefined
      ? await eraseUser(bus, user)
      : (await request(bus, HistoryErase, { room: room!, seq: Number(seq), epoch })).erased;
    // deno-lint-ignore no-console
    console.log(`${erased} messages erased`);
    return 0;
  });
}
