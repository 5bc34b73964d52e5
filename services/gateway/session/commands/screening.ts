/**
 * Screening of what clients say: messages of one session to one room are decided in the order in which they
 * came, whatever the order of the answers.
 *
 * @module
 */
import {
  type Bus,
  createScreener,
  FaultError,
  faultOf,
  type Passed,
  type ScreenRequest,
} from "../../../kit/mod.ts";
import type { Session } from "../session.ts";

/** Called once for each message, in order: with the error if it is refused. */
export type Decided = (passed: Passed | null, refusal: FaultError | null) => void;

/** Screens messages. */
export interface Screening {
  /**
   * Asks about a message of a session.
   *
   * @throws {FaultError} `unavailable` if too many others wait
   */
  submit(session: Session, request: ScreenRequest, decided: Decided): void;
}

/** A message whose turn has not come. */
interface Waiting {
  /** Decides it; undefined while there is no answer. */
  decide?: () => void;
}

/** Makes the screening of one gateway. */
export function createScreening(bus: Bus): Screening {
  const screener = createScreener(bus);
  /** The messages of each session and room, in the order in which they came. */
  const queues = new WeakMap<Session, Map<string, Waiting[]>>();

  return {
    submit(session, request, decided) {
      const { room } = request;
      const { passed, settle } = screener.begin(request);
      let rooms = queues.get(session);
      if (rooms === undefined) queues.set(session, rooms = new Map());
      let queue = rooms.get(room);
      if (queue === undefined) rooms.set(room, queue = []);
      const one: Waiting = {};
      queue.push(one);
      const answered = (decide: () => void) => {
        one.decide = decide;
        while (queue[0]?.decide !== undefined) queue.shift()!.decide!();
        if (queue.length === 0 && rooms.get(room) === queue) rooms.delete(room);
      };
      passed.then(
        (outcome) =>
          answered(() => {
            settle();
            decided(outcome, null);
          }),
        (error) =>
          answered(() => {
            settle(faultOf(error).code);
            decided(null, error instanceof FaultError ? error : new FaultError("unavailable"));
          }),
      );
    },
  };
}
