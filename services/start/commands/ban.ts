/**
 * `deno task ban --room ROOM --user USER [--until TIME]`: takes a user out of a room and keeps it out.
 * `--lift` ends a ban, `--kick` only takes the user out, and `--list` shows who is banned.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { type Denial, RoomsBan, RoomsBans, RoomsKick, RoomsUnban } from "../../contract/mod.ts";
import { type Bus, request } from "../../kit/mod.ts";
import { runCommand } from "./operator_bus.ts";
import { describeDenial, timeOf } from "./denial_text.ts";

const USAGE = "usage: deno task ban --room ROOM --user USER [--until TIME] [--reason TEXT]\n" +
  "       with --kick or --lift instead of --until, or --list [--room ROOM] [--user USER]";

/** Reads every ban in force: of a room, of a user, or all. */
export async function bans(
  bus: Bus,
  of: { room?: string; userId?: string } = {},
): Promise<Denial[]> {
  const found: Denial[] = [];
  let after: string | undefined;
  do {
    const page = await request(bus, RoomsBans, { ...of, after });
    found.push(...page.denials);
    after = page.next;
  } while (after !== undefined);
  return found;
}

/** Runs the command with these arguments. Returns what to print. */
export async function ban(bus: Bus, args: string[]): Promise<string> {
  const { values: { room, user: userId, until, reason, kick, lift, list } } = parseArgs({
    args,
    options: {
      room: { type: "string" },
      user: { type: "string" },
      until: { type: "string" },
      reason: { type: "string" },
      kick: { type: "boolean" },
      lift: { type: "boolean" },
      list: { type: "boolean" },
    },
  });
  if (list) {
    return (await bans(bus, { room, userId })).map(describeDenial).join("\n") || "nobody is banned";
  }
  if (room === undefined || userId === undefined || (kick && lift)) throw new Error(USAGE);
  if (kick) {
    await request(bus, RoomsKick, { room, userId, reason });
    return `${userId} was taken out of ${room}`;
  }
  if (lift) {
    const { lifted } = await request(bus, RoomsUnban, { room, userId });
    return lifted ? "the ban was lifted" : "there is no such ban";
  }
  const { banned } = await request(bus, RoomsBan, {
    room,
    userId,
    until: timeOf("--until", until),
    reason,
  });
  return describeDenial(banned);
}

if (import.meta.main) {
  await runCommand(async (bus) => {
    // deno-lint-ignore no-console
    console.log(await ban(bus, Deno.args));
    return 0;
  });
}
