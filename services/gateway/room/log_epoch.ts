/**
 * Which incarnation of the log this gateway follows. Read when it starts, each time NATS comes back,
 * and whenever something looks wrong, since the stream may have been made anew meanwhile.
 *
 * @module
 */
import { jetstreamManager } from "@nats-io/jetstream";
import { ROOMS_STREAM } from "../../contract/mod.ts";
import { type Bus, epochOf, errorText } from "../../kit/mod.ts";

/** Wait between tries to find the stream, milliseconds. */
const RETRY_MS = 250;

/** How often {@link Log.check} looks at most, milliseconds. */
const CHECK_MS = 1_000;

/** The log, as far as a gateway knows it. */
export interface Log {
  /** The epoch, or null while the stream is not there. */
  readonly epoch: string | null;
  /** Resolves when the stream has been found, or after `deadline` milliseconds without it. */
  found(deadline: number): Promise<void>;
  /** Called each time NATS came back and the log was found to be the same one. */
  onReturn(callback: () => void): void;
  /** Called, with why, when the log is not what it was: another one, or shorter than it was. */
  onChange(callback: (why: string) => void): void;
  /** Looks whether the log is still the same one. */
  check(): void;
  stop(): void;
}

/**
 * Finds the stream, waiting for it as long as it takes, in the background. `delivered` is the highest
 * seq that was delivered here.
 */
export function followLog(bus: Bus, delivered: () => number): Log {
  let epoch: string | null = null;
  let stopped = false;
  let turn = 0;
  let checked = -Infinity;
  const first = Promise.withResolvers<void>();
  const onReturn: (() => void)[] = [];
  const onChange: ((why: string) => void)[] = [];

  /** Looks once; says whether the log is the same as before. */
  const look = async (): Promise<boolean> => {
    const mine = ++turn;
    const highest = delivered();
    const manager = await jetstreamManager(bus.nats, { checkAPI: false });
    const info = await manager.streams.info(ROOMS_STREAM);
    if (mine !== turn) return true;
    const before = epoch;
    epoch = epochOf(String(info.created));
    first.resolve();
    const why = before !== null && before !== epoch
      ? "the log was made anew"
      : info.state.last_seq < highest
      ? "the log has lost its last messages"
      : null;
    if (why !== null) { for (const callback of onChange) callback(why); }
    return why === null;
  };
  const find = async () => {
    let said = false;
    while (!stopped) {
      try {
        if (await look()) { for (const callback of onReturn) callback(); }
        return;
      } catch (error) {
        if (!said) bus.log.warn("waiting for the stream", { error: errorText(error) });
        said = true;
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      }
    }
  };
  bus.onReconnect(() => void find());
  // Not before the caller has wired up what `delivered` asks.
  queueMicrotask(() => void find());
  return {
    get epoch() {
      return epoch;
    },
    async found(deadline) {
      if (epoch !== null) return;
      let timer: ReturnType<typeof setTimeout> | undefined;
      const late = new Promise<void>((resolve) => timer = setTimeout(resolve, deadline));
      await Promise.race([first.promise, late]);
      clearTimeout(timer);
    },
    onReturn: (callback) => void onReturn.push(callback),
    onChange: (callback) => void onChange.push(callback),
    check() {
      const now = performance.now();
      if (epoch === null || now - checked < CHECK_MS) return;
      checked = now;
      look().catch((error) => {
        bus.log.warn("the log could not be looked at", { error: errorText(error) });
      });
    },
    stop: () => {
      stopped = true;
    },
  };
}
