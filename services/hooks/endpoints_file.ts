/**
 * The endpoints: those of the file of WEBHOOKS_FILE, which is read again when it has changed.
 *
 * @module
 */
import { describeIssue, type WebhookEndpoint, WebhooksFile } from "../contract/mod.ts";
import { ConfigError, errorText, type Logger } from "../kit/mod.ts";

/** How often the file is looked at, milliseconds. */
const CHECK_MS = 1_000;

/** The endpoints, as the file has them. */
export interface EndpointsFile {
  readonly endpoints: readonly WebhookEndpoint[];
  /** Stops looking at the file. */
  close(): void;
}

/**
 * Parses the file.
 *
 * @throws {Error} that names what is wrong, without any secret
 */
export function parseEndpoints(text: string): readonly WebhookEndpoint[] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new Error("not JSON");
  }
  const parsed = WebhooksFile.safeParse(value);
  if (!parsed.success) throw new Error(describeIssue(parsed.error));
  return parsed.data.endpoints;
}

/**
 * Reads the file, and again when it has changed: then `changed` is called. A file that turns invalid later is
 * reported, and the endpoints stay as they were.
 *
 * @throws {ConfigError} if the file cannot be read or is invalid
 */
export function followEndpoints(
  file: string,
  log: Logger,
  changed: (endpoints: readonly WebhookEndpoint[]) => void,
  checkMs: number = CHECK_MS,
): EndpointsFile {
  let endpoints: readonly WebhookEndpoint[] = [];
  let seen = "";
  /** Reads the file if it has changed; returns whether it had. */
  const check = (): boolean => {
    const { mtime, size, ino } = Deno.statSync(file);
    const version = `${mtime?.getTime()} ${size} ${ino}`;
    if (version === seen) return false;
    seen = version;
    endpoints = parseEndpoints(Deno.readTextFileSync(file));
    return true;
  };
  try {
    check();
  } catch (error) {
    throw new ConfigError(`WEBHOOKS_FILE: ${file}: ${errorText(error)}`);
  }
  let reported = "";
  const timer = setInterval(() => {
    try {
      if (!check()) return;
      reported = "";
      log.info("read the endpoints of webhooks again", { endpoints: endpoints.length });
      changed(endpoints);
    } catch (error) {
      const text = errorText(error);
      if (text === reported) return;
      reported = text;
      log.error("cannot read the endpoints of webhooks, the old ones stay", { file, error: text });
    }
  }, checkMs);
  return {
    get endpoints() {
      return endpoints;
    },
    close: () => clearInterval(timer),
  };
}
