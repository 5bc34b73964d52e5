/**
 * The variables of monitor.
 *
 * @module
 */
import * as z from "zod";
import { flag, integer, list } from "../kit/mod.ts";

/** The shortest token that counts as one, characters. */
const MIN_TOKEN = 16;

const httpUrl = z.string().refine(
  (text) => /^https?:$/.test(URL.parse(text)?.protocol ?? ""),
  "expected http://host:port or https://",
);

/** The schemas of the variables. */
export const MONITOR_CONFIG = {
  MONITOR_TOKEN: z.string().min(MIN_TOKEN, `expected at least ${MIN_TOKEN} characters`).optional()
    .meta({
      description:
        "Who wants to see the page, `/api` or `/metrics` needs this token, as `Authorization: Bearer` " +
        "or through the page's form. Without it only programs and browsers of this machine see them.",
      range: `text of ${MIN_TOKEN} characters and more`,
    }),
  MONITOR_REMOTE: flag().default(false).meta({
    description:
      "Whether other machines may send telemetry without the token, and see the page if there is no " +
      "token. For networks that only our own containers reach.",
  }),
  MONITOR_HOSTS: list().default([]).meta({
    description:
      "Names by which monitor is reached without the token, beside those of this machine. A page of " +
      "another site cannot pass itself off as one of them.",
    range: "comma-separated host names",
  }),
  MONITOR_WINDOW: integer(60, 86_400).default(600).meta({
    description: "How far back monitor looks. It shows that time in sixty steps.",
    unit: "s",
  }),
  MONITOR_MAX_TRACES: integer(100, 1_000_000).default(20_000).meta({
    description: "Most traces that monitor keeps. The slowest and the failed ones stay longest.",
    unit: "traces",
  }),
  MONITOR_TRACE_BYTES: integer(1_048_576, 4_294_967_296).default(67_108_864).meta({
    description: "About how much memory those traces may take.",
    unit: "bytes",
  }),
  NAMESPACES_FILE: z.string().optional().meta({
    description: "A JSON file with the namespaces, by which monitor counts the hops inside NATS.",
    range: "a path",
  }),
  MONITOR_FORWARD_URL: httpUrl.optional().meta({
    description:
      "A collector that gets all that monitor receives, unchanged. The start command sets it to your " +
      "`OTEL_EXPORTER_OTLP_ENDPOINT`.",
    range: "a URL",
  }),
  MONITOR_FORWARD_HEADERS: z.string().optional().meta({
    description: "Headers for that collector, written as `OTEL_EXPORTER_OTLP_HEADERS` is.",
    range: "name=value, separated by commas",
  }),
} as const;

/** The configuration of monitor. */
export type MonitorConfig = z.infer<z.ZodObject<typeof MONITOR_CONFIG>>;
