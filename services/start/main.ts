/**
 * `deno task start`: the whole system with one command.
 *
 * @module
 */
import { start } from "./start.ts";

await start();
