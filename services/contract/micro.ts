/**
 * How services tell about themselves on the bus: the micro-service protocol of NATS (ADR-32), which `nats
 * micro` and the client libraries of NATS speak. No I/O; imports only zod.
 *
 * @module
 */
import * as z from "zod";
import type { ErrorCode } from "./codes.ts";

/** The version of Hopwire, by SemVer. */
export const VERSION = "0.1.0";

/** What may be asked of a service. */
export const MICRO_VERBS = ["PING", "INFO", "STATS"] as const;
/** One of {@link MICRO_VERBS}. */
export type MicroVerb = typeof MICRO_VERBS[number];

/** The subjects on which a service is asked about itself: as one of all, by its name, and by its id. */
export function microSubjects(service: string): string[] {
  return MICRO_VERBS.flatMap((verb) => {
    const all = `$SRV.${verb}`;
    return [all, `${all}.${service}`, `${all}.${service}.*`];
  });
}

/** Every subject of {@link microSubjects}. */
export const MICRO_SUBJECTS = "$SRV.>";

const Name = z.string().regex(/^[A-Za-z0-9_-]+$/);
const about = {
  name: Name,
  /** Tells the instances of a service apart. */
  id: z.string(),
  version: z.string(),
  metadata: z.record(z.string(), z.string()),
};
const endpoint = { name: Name, subject: z.string(), queue_group: z.string() };

/** The answer to PING. */
export const MicroPing = z.object({ type: z.literal("io.nats.micro.v1.ping_response"), ...about });
/** The parsed form of {@link MicroPing}. */
export type MicroPing = z.infer<typeof MicroPing>;

/** The answer to INFO. */
export const MicroInfo = z.object({
  type: z.literal("io.nats.micro.v1.info_response"),
  ...about,
  description: z.string(),
  endpoints: z.array(z.object({ ...endpoint, metadata: z.record(z.string(), z.string()) })),
});
/** The parsed form of {@link MicroInfo}. */
export type MicroInfo = z.infer<typeof MicroInfo>;

const Nanoseconds = z.number().int().min(0);

/** The answer to STATS. Times are nanoseconds. */
export const MicroStats = z.object({
  type: z.literal("io.nats.micro.v1.stats_response"),
  ...about,
  /** When the instance started, RFC 3339. */
  started: z.string(),
  endpoints: z.array(z.object({
    ...endpoint,
    num_requests: z.number().int().min(0),
    num_errors: z.number().int().min(0),
    /** `<number>:<text>` of the last refusal; empty if there was none. */
    last_error: z.string(),
    processing_time: Nanoseconds,
    average_processing_time: Nanoseconds,
  })),
});
/** The parsed form of {@link MicroStats}. */
export type MicroStats = z.infer<typeof MicroStats>;

/**
 * The number of each error code in the header `Nats-Service-Error-Code`, where ADR-32 requires one. They are
 * the numbers of HTTP. The code itself is in `Hopwire-Error-Code`.
 */
export const ERROR_NUMBERS: Readonly<Record<ErrorCode, number>> = {
  invalid_format: 400,
  unknown_type: 400,
  unauthorized: 401,
  token_expired: 401,
  forbidden: 403,
  room_not_found: 404,
  service_not_found: 404,
  session_not_found: 404,
  too_large: 413,
  too_many_rooms: 429,
  rate_limited: 429,
  service_failed: 500,
  unavailable: 503,
  timeout: 504,
};

/** The error codes that the numbers of services of one's own stand for; others are `service_failed`. */
const CODES_OF_NUMBERS: Readonly<Record<string, ErrorCode>> = {
  400: "invalid_format",
  403: "forbidden",
  413: "too_large",
  429: "rate_limited",
  503: "unavailable",
  504: "timeout",
};

/** Returns the error code for the number that a service refused a request with. */
export function codeOfNumber(number: string): ErrorCode {
  return CODES_OF_NUMBERS[number] ?? "service_failed";
}
