/**
 * What the start command prints when the system is ready.
 *
 * @module
 */

/** What there is to print; a value that is undefined has no line. */
export interface Banner {
  page: string;
  websocket: string;
  monitor?: string;
  api?: string;
  natsUrl: string;
  /** How to call the `nats` CLI. */
  natsCommand?: string;
  /** The files of services of one's own. */
  files: readonly string[];
  token?: string;
  apiKey?: string;
  /** The path of `run.json`. */
  runFile: string;
}

/** Returns the text. */
export function bannerOf(banner: Banner): string {
  const { api, natsCommand } = banner;
  const rows: [title: string, value: string | undefined][] = [
    ["page", banner.page],
    ["WebSocket", banner.websocket],
    ["monitor", banner.monitor],
    ["API", api === undefined ? undefined : `${api}docs`],
    ["NATS", banner.natsUrl],
    ["nats CLI", natsCommand === undefined ? undefined : `${natsCommand} micro ls`],
    ...banner.files.map((file): [string, string] => ["service", file]),
    ["token", banner.token],
    ["API key", banner.apiKey],
  ];
  return [
    "ready",
    ...rows.flatMap(([title, value]) =>
      value === undefined ? [] : [`  ${title.padEnd(10)} ${value}`]
    ),
    `  (also in ${banner.runFile}; Ctrl-C stops everything)`,
  ].join("\n");
}
