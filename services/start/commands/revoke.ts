/**
 * `deno task revoke --user USER [--before TIME] | --jti ID [--expires TIME]`: revokes tokens while the
 * system runs. `--undo` takes a revocation back, and `--list` shows what is revoked.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { AuthRevocations, AuthRevoke, AuthUnrevoke, type Denial } from "../../contract/mod.ts";
import { type Bus, request } from "../../kit/mod.ts";
import { runCommand } from "./operator_bus.ts";
import { describeDenial, timeOf } from "./denial_text.ts";

const USAGE = "usage: deno task revoke --user USER [--before TIME] | --jti ID [--expires TIME]\n" +
  "       [--reason TEXT], with --undo to take it back, or --list";

/** Reads every revocation in force. */
export async function revocations(bus: Bus): Promise<Denial[]> {
  const found: Denial[] = [];
  let after: string | undefined;
  do {
    const page = await request(bus, AuthRevocations, { after });
    found.push(...page.denials);
    after = page.next;
  } while (after !== undefined);
  return found;
}

/** Runs the command with these arguments. Returns what to print. */
export async function revoke(bus: Bus, args: string[]): Promise<string> {
  const { values: { user, jti, before, expires, reason, undo, list } } = parseArgs({
    args,
    options: {
      user: { type: "string" },
      jti: { type: "string" },
      before: { type: "string" },
      expires: { type: "string" },
      reason: { type: "string" },
      undo: { type: "boolean" },
      list: { type: "boolean" },
    },
  });
  if (list) return (await revocations(bus)).map(describeDenial).join("\n") || "nothing is revoked";
  if ((user === undefined) === (jti === undefined)) throw new Error(USAGE);
  if (undo) {
    const { lifted } = await request(bus, AuthUnrevoke, { userId: user, tokenId: jti });
    return lifted ? "the revocation was taken back" : "there is no such revocation";
  }
  const { revoked } = await request(bus, AuthRevoke, {
    userId: user,
    tokenId: jti,
    before: timeOf("--before", before),
    expiresAt: timeOf("--expires", expires),
    reason,
  });
  return describeDenial(revoked);
}

if (import.meta.main) {
  await runCommand(async (bus) => {
    // deno-lint-ignore no-console
    console.log(await revoke(bus, Deno.args));
    return 0;
  });
}
