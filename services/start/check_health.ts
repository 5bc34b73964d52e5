/**
 * The health check of a container: requests the URL of its argument, and exits with 0 when the
 * answer is 200 and with 1 when it is not.
 *
 * @module
 */
import { probe } from "./probe.ts";

const { ok } = await probe(Deno.args[0]!);
Deno.exit(ok ? 0 : 1);
