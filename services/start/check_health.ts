/**
 * The health check of a container: asks the URL given and ends with 0 where that answers 200.
 *
 * @module
 */
const response = await fetch(Deno.args[0]!, { signal: AbortSignal.timeout(2_000) });
await response.body?.cancel();
Deno.exit(response.ok ? 0 : 1);
