/**
 * `deno task docs`: writes the configuration reference into services/README.md, between two markers.
 * A test checks that it is up to date.
 *
 * @module
 */
import type { VariableInfo } from "../kit/mod.ts";
import { SERVICE_GROUPS, START_GROUP, TELEMETRY_GROUP, type VariableGroup } from "./variables.ts";

/** The file that holds the reference. */
export const README = new URL("../README.md", import.meta.url).pathname;

const BEGIN = '<!-- begin: configuration reference, written by "deno task docs" -->';
const END = "<!-- end: configuration reference -->";

/**
 * Returns the text of the file with a current reference.
 *
 * @throws {Error} when the text does not have both markers
 */
export async function withReference(text: string): Promise<string> {
  const begin = text.indexOf(BEGIN);
  const end = text.indexOf(END);
  if (begin < 0 || end < begin) throw new Error(`${README} has lost its markers: ${BEGIN} ${END}`);
  const groups = [START_GROUP, ...SERVICE_GROUPS, TELEMETRY_GROUP];
  const reference = await formatMarkdown(groups.map(section).join("\n"));
  return `${text.slice(0, begin)}${BEGIN}\n\n${reference}\n${text.slice(end)}`;
}

function section({ title, about, variables }: VariableGroup): string {
  return [
    `### ${title}`,
    "",
    about,
    "",
    "| variable | unit | default | values | meaning |",
    "| --- | --- | --- | --- | --- |",
    ...Object.entries(variables).map(([name, info]) => row(name, info)),
    "",
  ].join("\n");
}

function row(name: string, { description, unit, range, default: preset }: VariableInfo): string {
  const shown = preset === undefined ? "" : `\`${preset}\`${unit === "bytes" ? size(preset) : ""}`;
  const cells = [`\`${name}\``, unit ?? "", shown, range ?? "", description];
  return `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
}

/** A number of bytes in words, when it is a round one. */
function size(bytes: string): string {
  const [, unit, factor] = ([["GiB", 2 ** 30], ["MiB", 2 ** 20], ["KiB", 2 ** 10]] as const)
    .map(([name, factor]) => [Number(bytes) % factor === 0, name, factor] as const)
    .find(([whole]) => whole) ?? [];
  return factor === undefined ? "" : ` (${Number(bytes) / factor} ${unit})`;
}

/** Formats with `deno fmt`, which checks the file as well. */
async function formatMarkdown(text: string): Promise<string> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["fmt", "-q", "--ext", "md", "-"],
    cwd: new URL("../../", import.meta.url),
    stdin: "piped",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(text));
  await writer.close();
  const { success, stdout } = await child.output();
  if (!success) throw new Error("deno fmt failed");
  return new TextDecoder().decode(stdout);
}

if (import.meta.main) {
  await Deno.writeTextFile(README, await withReference(await Deno.readTextFile(README)));
}
