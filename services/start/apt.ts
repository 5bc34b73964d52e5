/**
 * Installs Debian packages, on machines that have apt and where this process may use it.
 *
 * @module
 */

/**
 * Installs packages without asking.
 *
 * @returns false when there is no apt, when this process is not root, or when apt fails; then `say`
 * has received apt's last lines
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
  // An old package list names versions that the mirror no longer has. When the update fails (no
  // network, but a package cache), the installation may still succeed.
  await apt(["update", "-q"]);
  const { success, lastLines } = await apt([
    "install",
    "-y",
    "-q",
    "--no-install-recommends",
    ...packages,
  ]);
  if (!success) say(`apt could not install ${packages.join(", ")}: ${lastLines}`);
  return success;
}

async function apt(args: string[]): Promise<{ success: boolean; lastLines: string }> {
  const output = await new Deno.Command("/usr/bin/apt-get", {
    args,
    env: { DEBIAN_FRONTEND: "noninteractive", RUNLEVEL: "1" },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).output();
  const lines = new TextDecoder().decode(output.stderr).trim().split("\n");
  return { success: output.success, lastLines: lines.slice(-2).join(" ") };
}
