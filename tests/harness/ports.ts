/**
 * TCP ports for what tests start. Test runs go on side by side, and a port is taken only some time after it
 * was chosen; so each process has a block of ports to itself, by a file that names it.
 *
 * @module
 */

/**
 * Below the system's range of ephemeral ports (from 32768), so outgoing connections do not take
 * these.
 */
const PORTS = { first: 20_000, count: 12_000 };

/** The ports of a block. A test process seldom has more than thirty in use. */
const BLOCK = 200;

const BLOCKS = PORTS.count / BLOCK;

/** The block of this process, and the next port of it. */
let block: number | undefined;
let next = 0;

/** Returns a TCP port that is currently free. Does not return the same port again soon. */
export function freePort(): number {
  block ??= claimBlock(`${Deno.env.get("TMPDIR") ?? "/tmp"}/hopwire-test-ports`);
  for (;;) {
    const port = PORTS.first + block * BLOCK + next++ % BLOCK;
    try {
      Deno.listen({ hostname: "127.0.0.1", port }).close();
      return port;
    } catch (error) {
      if (!(error instanceof Deno.errors.AddrInUse)) throw error;
    }
  }
}

/** Claims a block that no living process has, in a folder of claims. Releases it when this process exits. */
export function claimBlock(folder: string): number {
  Deno.mkdirSync(folder, { recursive: true });
  const first = Math.floor(Math.random() * BLOCKS);
  for (let i = 0; i < BLOCKS; i++) {
    const chosen = (first + i) % BLOCKS;
    const file = `${folder}/${chosen}`;
    if (isHeld(file)) continue;
    try {
      Deno.writeTextFileSync(file, String(Deno.pid), { createNew: true });
    } catch (error) {
      // Another process was faster.
      if (error instanceof Deno.errors.AlreadyExists) continue;
      throw error;
    }
    globalThis.addEventListener("unload", () => release(file));
    return chosen;
  }
  throw new Error(`all ${BLOCKS} blocks of ports are taken: see ${folder}`);
}

/** Whether a living process holds a claim. Removes that of a dead one. */
function isHeld(file: string): boolean {
  try {
    const pid = Number(Deno.readTextFileSync(file));
    // A claim is empty for a moment after it was made.
    if (pid === 0) return true;
    Deno.statSync(`/proc/${pid}`);
    return true;
  } catch {
    release(file);
    return false;
  }
}

function release(file: string): void {
  try {
    Deno.removeSync(file);
  } catch {
    // It is gone already.
  }
}
