/**
 * The tables of hops and metrics in services/README.md, which `deno task docs` writes. A test
 * checks that they are up to date.
 *
 * @module
 */
import { HOPS, type MetricInfo, type MetricOwner, METRICS } from "../contract/mod.ts";
import { withGenerated } from "./generated_text.ts";

/** Those who export metrics and are not one of Hopwire's services. */
const OWNERS: Partial<Record<MetricOwner, string>> = {
  every: "every service",
  own: "services of your own",
};

/**
 * Returns the text of the file with current tables.
 *
 * @throws {Error} when the text does not have all markers
 */
export async function withMetrics(text: string): Promise<string> {
  return await withGenerated(await withGenerated(text, "hops", hops()), "metrics", metrics());
}

function hops(): string {
  return table(
    ["hop", "from", "to", "measured by"],
    Object.entries(HOPS).map(([name, { from, to, by }]) => [`\`${name}\``, from, to, by]),
  );
}

function metrics(): string {
  return table(
    ["metric", "kind", "unit", "attributes", "exported by", "what it measures"],
    Object.entries<MetricInfo>(METRICS).map(([name, info]) => [
      `\`${name}\``,
      // For who reads them, there is no difference between the two kinds of counters.
      info.kind === "events" ? "counter" : info.kind,
      `\`${info.unit}\``,
      (info.attributes ?? []).map((attribute) => `\`${attribute}\``).join(", "),
      info.by.map((owner) => OWNERS[owner] ?? owner).join(", "),
      info.description,
    ]),
  );
}

function table(titles: string[], rows: string[][]): string {
  return [titles, titles.map(() => "---"), ...rows]
    .map((cells) => `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`)
    .join("\n");
}
