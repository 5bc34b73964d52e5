/**
 * The configuration reference in services/README.md, between two markers, which `deno task docs`
 * writes. A test checks that it is up to date.
 *
 * @module
 */
import type { VariableInfo } from "../kit/mod.ts";
import { withGenerated } from "./generated_text.ts";
import { SERVICE_GROUPS, START_GROUP, TELEMETRY_GROUP, type VariableGroup } from "./variables.ts";

/** The file that holds the reference. */
export const README = new URL("../README.md", import.meta.url).pathname;

/**
 * Returns the text of the file with a current reference.
 *
 * @throws {Error} when the text does not have both markers
 */
export async function withReference(text: string): Promise<string> {
  const groups = [START_GROUP, ...SERVICE_GROUPS, TELEMETRY_GROUP];
  return await withGenerated(text, "configuration reference", groups.map(section).join("\n"));
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
