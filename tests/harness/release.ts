/**
 * Releases of Hopwire that tests run beside each other: this one, and an earlier commit of the repository.
 *
 * @module
 */
import { flagsOf, type ServiceName } from "../../services/start/flags.ts";
import { ROOT } from "./root.ts";

/** A copy of the repository. */
export interface Release extends AsyncDisposable {
  /** The commit; "present" for the files as they are. */
  readonly name: string;
  readonly folder: string;
  /** Returns the flags of `deno run` with which this release runs a service. */
  flags(service: ServiceName, env: Record<string, string>): Promise<string[]>;
}

/** The files as they are. */
export const PRESENT: Release = {
  name: "present",
  folder: ROOT,
  flags: (service, env) => Promise.resolve(flagsOf(service, env)),
  async [Symbol.asyncDispose]() {},
};

async function run(command: string, args: string[], cwd: string): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(command, {
    args,
    cwd,
    env: { NO_COLOR: "1" },
  }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes).trim();
  if (!success) throw new Error(text(stderr));
  return text(stdout);
}

/**
 * Unpacks an earlier commit: that of UPGRADE_FROM, or else the previous one. Returns the reason if there is
 * none, as in a clone without history.
 */
export async function earlierRelease(): Promise<Release | string> {
  const from = Deno.env.get("UPGRADE_FROM") || "HEAD~1";
  const git = (...args: string[]) => run("git", args, ROOT);
  let commit: string;
  try {
    commit = await git("rev-parse", "--verify", `${from}^{commit}`);
  } catch (error) {
    return `there is no commit ${from} here: ${(error as Error).message}`;
  }
  const folder = await Deno.makeTempDir({ prefix: "hopwire-release-" });
  const archive = `${folder}/release.tar`;
  await git("archive", "--output", archive, commit);
  await run("tar", ["-xf", archive], folder);
  await Deno.remove(archive);
  return {
    name: commit.slice(0, 12),
    folder,
    async flags(service, env) {
      // Its own code knows which variables and files its services read.
      const code = `import { flagsOf } from "./services/start/flags.ts";
        console.log(JSON.stringify(flagsOf(${JSON.stringify(service)}, ${JSON.stringify(env)})));`;
      return JSON.parse(await run(Deno.execPath(), ["eval", "--frozen", code], folder));
    },
    async [Symbol.asyncDispose]() {
      await Deno.remove(folder, { recursive: true });
    },
  };
}
