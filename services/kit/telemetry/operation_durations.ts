/**
 * What requests on the bus take, for who sends and for who answers them, as OpenTelemetry's conventions for
 * messaging name it.
 *
 * @module
 */
import { type Duration, type Durations, durations } from "./instruments.ts";

/** The durations of one subject, by error code. */
export interface OperationDurations {
  /** Records one operation. `failure` is the error code, if it failed. */
  record(seconds: number, failure?: string): void;
}

const processed = durations("messaging.process.duration");
const requested = durations("messaging.client.operation.duration");
const requestedBySubject = new Map<string, OperationDurations>();

/** Makes the durations of answering requests on `subject`. */
export function processDurations(subject: string): OperationDurations {
  return createDurations(processed, "process", subject);
}

/** Returns the durations of requests to `subject`, which is one of the contract's. */
export function requestDurations(subject: string): OperationDurations {
  let known = requestedBySubject.get(subject);
  if (known === undefined) {
    known = createDurations(requested, "request", subject);
    requestedBySubject.set(subject, known);
  }
  return known;
}

function createDurations(
  histogram: Durations,
  operation: string,
  template: string,
): OperationDurations {
  const base = {
    "messaging.system": "nats",
    "messaging.operation.name": operation,
    "messaging.destination.template": template,
  };
  const ok = histogram.of(base);
  const failures = new Map<string, Duration>();
  return {
    record(seconds, failure) {
      if (failure === undefined) return ok.record(seconds);
      let duration = failures.get(failure);
      if (duration === undefined) {
        duration = histogram.of({ ...base, "error.type": failure });
        failures.set(failure, duration);
      }
      duration.record(seconds);
    },
  };
}
