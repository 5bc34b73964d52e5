/**
 * `deno task start`: runs the whole system with one command.
 *
 * @module
 */
import { helpText, unknownArgument } from "./help.ts";
import { printLine, printUsageError } from "./output.ts";
import { start } from "./start.ts";

/** The exit code of sysexits(3) for wrong arguments. */
const EXIT_USAGE = 64;

const unknown = unknownArgument(Deno.args);
if (unknown !== undefined) {
  printUsageError(`unknown argument ${unknown}; see "deno task start --help"`);
  Deno.exit(EXIT_USAGE);
}
if (Deno.args.length > 0) printLine(helpText());
else await start();
