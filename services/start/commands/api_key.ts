/**
 * `deno task api-key create|list|revoke`: the keys with which back-ends use the HTTP API. A running API knows of
 * a change within a second.
 *
 * @module
 */
import { parseArgs } from "node:util";
import * as z from "zod";
import { ALL_API_SCOPES, type ApiKey, ApiKeysFile, describeIssue } from "../../contract/mod.ts";
import { createApiKey, errorText } from "../../kit/mod.ts";
import { apiKeysFile, readApiKeys, writeApiKeys } from "../api_keys.ts";
import { printLine, printUsageError } from "../output.ts";

/** The exit code of sysexits(3) for wrong arguments. */
const EXIT_USAGE = 64;

const USAGE =
  "usage: deno task api-key create --scopes SCOPE,... [--name NAME] [--rooms PATTERN,...]\n" +
  "                                [--expires 90d] [--rate N] [--unscreened]\n" +
  "       deno task api-key list\n" +
  "       deno task api-key revoke ID\n" +
  "       with --file FILE for a file other than API_KEYS_FILE or DATA_DIR/api-keys.json\n" +
  `scopes: ${ALL_API_SCOPES.join(", ")}; all of them: all`;

/** The arguments are wrong. */
class UsageError extends Error {}

const UNITS: Record<string, number> = { m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Reads `--expires`: minutes, hours or days from now, or a time. */
function expiryOf(text: string | undefined, now: number): number | undefined {
  if (text === undefined) return undefined;
  const [, count, unit] = /^(\d{1,6})([mhd])$/.exec(text) ?? [];
  const time = unit === undefined ? Date.parse(text) : now + Number(count) * UNITS[unit]!;
  if (Number.isFinite(time) && time > now) return time;
  throw new UsageError("--expires: expected a time to come, such as 90d or 2027-01-01T00:00:00Z");
}

const listed = (text: string | undefined) =>
  text?.split(",").map((part) => part.trim()).filter(Boolean);

/** Runs the command. Returns what to print. */
export async function apiKey(
  args: string[],
  defaultFile: string,
  now: number = Date.now(),
): Promise<string> {
  const { values, positionals: [verb, id] } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      scopes: { type: "string" },
      name: { type: "string" },
      rooms: { type: "string" },
      expires: { type: "string" },
      rate: { type: "string" },
      unscreened: { type: "boolean" },
      file: { type: "string" },
    },
  });
  const file = values.file ?? defaultFile;
  const keys = await readApiKeys(file);
  if (verb === "list") return keys.map((key) => describe(key, now)).join("\n") || "there are none";
  if (verb === "revoke" && id !== undefined) {
    const left = keys.filter((key) => key.id !== id);
    if (left.length === keys.length) throw new UsageError(`there is no key ${id}`);
    await writeApiKeys(file, left);
    return `${id} is revoked`;
  }
  const scopes = listed(values.scopes);
  if (verb !== "create" || scopes === undefined) throw new UsageError(USAGE);
  const { key, entry } = createApiKey({
    name: values.name ?? "",
    scopes: (scopes.includes("all") ? ALL_API_SCOPES : scopes) as ApiKey["scopes"],
    rooms: listed(values.rooms),
    unscreened: values.unscreened ? true : undefined,
    rate: values.rate === undefined ? undefined : Number(values.rate),
    expiresAt: expiryOf(values.expires, now),
  }, now);
  const parsed = ApiKeysFile.safeParse({ keys: [entry, ...keys] });
  if (!parsed.success) throw new UsageError(describeIssue(parsed.error).replace("keys.0.", ""));
  if (file === defaultFile && file.includes("/")) {
    await Deno.mkdir(file.slice(0, file.lastIndexOf("/")), { recursive: true });
  }
  await writeApiKeys(file, [...keys, entry]);
  return `${key}\nNobody can show it again. It is the key ${entry.id} of ${file}.`;
}

function describe(
  { id, name, scopes, rooms, expiresAt, rate, unscreened }: ApiKey,
  now: number,
): string {
  const end = expiresAt === undefined
    ? ""
    : `, ${expiresAt <= now ? "expired" : "expires"} ${new Date(expiresAt).toISOString()}`;
  const where = rooms === undefined ? "" : ` in ${rooms.join(",")}`;
  const limit = rate === undefined ? "" : `, ${rate}/s`;
  const passes = unscreened ? ", unscreened" : "";
  return `${id}  ${name || "(no name)"}: ${scopes.join(",")}${where}${limit}${passes}${end}`;
}

if (import.meta.main) {
  const env = z.object({
    DATA_DIR: z.string().default(".data"),
    API_KEYS_FILE: z.string().optional(),
  })
    .parse({
      DATA_DIR: Deno.env.get("DATA_DIR") || undefined,
      API_KEYS_FILE: Deno.env.get("API_KEYS_FILE") || undefined,
    });
  try {
    printLine(await apiKey(Deno.args, env.API_KEYS_FILE ?? apiKeysFile(env.DATA_DIR)));
  } catch (error) {
    printUsageError(errorText(error));
    Deno.exit(error instanceof UsageError ? EXIT_USAGE : 1);
  }
}
