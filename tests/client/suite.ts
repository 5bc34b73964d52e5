/**
 * Tests of the client against a real system (controlled_system.ts). They are bundled to one file that runs in Deno,
 * Node and Bun: `suite.mjs <address of the test system> [part of a test's name]`. Prints one line for
 * each test and exits with 1 if one failed.
 *
 * @module
 */
import process from "node:process";
import { cleanUp } from "./suite/fixture.ts";
import { RECOVERY_TESTS } from "./suite/recovery.ts";
import { ROOM_TESTS } from "./suite/rooms.ts";
import { SENDING_TESTS } from "./suite/sending.ts";
import { TOKEN_TESTS } from "./suite/tokens.ts";
import { TRANSPORT_TESTS } from "./suite/transports.ts";

const [, filter] = process.argv.slice(2);

// deno-lint-ignore no-console -- the only output that every runtime has
const print = console.log;

let failures = 0;
const tests = {
  ...ROOM_TESTS,
  ...RECOVERY_TESTS,
  ...SENDING_TESTS,
  ...TRANSPORT_TESTS,
  ...TOKEN_TESTS,
};
for (const [name, run] of Object.entries(tests)) {
  if (filter !== undefined && !name.includes(filter)) continue;
  const startedAt = Date.now();
  try {
    await run();
    print(`ok    ${name} (${Date.now() - startedAt} ms)`);
  } catch (error) {
    failures++;
    print(`FAIL  ${name}\n${(error as Error).stack}`);
  }
  await cleanUp();
}
print(failures === 0 ? "all passed" : `${failures} failed`);
process.exit(failures === 0 ? 0 : 1);
