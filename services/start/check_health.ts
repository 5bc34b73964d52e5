/**
 * The health check of a container: requests the URL of its argument, and exits with 0 when the
 * answer is 200 and with 1 when it is not.
 *
 * @module
 */
const response = await fetch(Deno.args[0]!, { signal: AbortSignal.timeout(2_000) });
await response.body?.cancel();
Deno.exit(response.ok ? 0 : 1);
