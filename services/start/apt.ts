/**
 * Installs Debian packages, where apt is there and we may.
 *
 * @module
 */

/**
 * Installs packages without asking anything.
 *
 * @returns false where there is no apt, we are not root, or apt refuses (its last words are said)
 */
export async function aptInstall(
  packages: string[],
  say: (line: string) => void,
): Promise<boolean> {
  if (Deno.build.os !== "linux" || Deno.uid() !== 0) return false;
  try {
    await Deno.stat("/usr/bin/apt-get");
  } catch {
    return false;
  }
  say(`installing ${packages.join(", ")} with apt ...`);
  // An old list of packages names versions that are gone, so it is renewed first; where that fails
  // (no network, but a cache) the install may still succeed.
  await apt(["update", "-q"]);
  const installed = await apt(["install", "-y", "-q", "--no-install-recommends", ...packages]);
  if (!installed.success) {
    say(`apt could not install ${packages.join(", ")}: ${installed.lastWords}`);
  }
  return installed.success;
}

async function apt(args: string[]): Promise<{ success: boolean; lastWords: string }> {
  const output = await new Deno.Command("/usr/bin/apt-get", {
    args,
    env: { DEBIAN_FRONTEND: "noninteractive", RUNLEVEL: "1" },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).output();
  const lines = new TextDecoder().decode(output.stderr).trim().split("\n");
  return { success: output.success, lastWords: lines.slice(-2).join(" ") };
}
