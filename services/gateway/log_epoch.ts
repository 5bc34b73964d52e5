/**
 * Which incarnation of the log this gateway follows. Read when it starts and each time NATS comes
 * back, since the stream may have been made anew meanwhile.
 *
 * @module
 */
import { jetstreamManager } from "@nats-io/jetstream";
import { ROOMS_STREAM } from "../contract/mod.ts";
import { type Bus, epochOf, errorText } from "../kit/mod.ts";

/** Wait between tries to find the stream, milliseconds. */
const RETRY_MS = 250;

/** The log, as far as a gateway knows it. */
export interface Log {
  /** The epoch, or null while the stream is not there. */
  readonly epoch: string | null;
  /** Called each time NATS came back and the log was found in the same epoch. */
  onReturn(callback: () => void): void;
  /** Called when the log is another one than before. */
  onChange(callback: () => void): void;
  stop(): void;
}

/** Finds the stream, waiting for it as long as it takes, in the background. */
export function followLog(bus: Bus): Log {
  let epoch: string | null = null;
  let stopped = false;
  let turn = 0;
  const onReturn: (() => void)[] = [];
  const onChange: (() => void)[] = [];

  const find = async () => {
    const mine = ++turn;
    let said = false;
    while (!stopped && mine === turn) {
      try {
        const manager = await jetstreamManager(bus.nats, { checkAPI: false });
        const info = await manager.streams.info(ROOMS_STREAM);
        if (mine !== turn) return;
        const found = epochOf(String(info.created));
        const before = epoch;
        epoch = found;
        for (const callback of before === null || before === found ? onReturn : onChange) {
          callback();
        }
        return;
      } catch (error) {
        if (!said) bus.log.warn("waiting for the stream", { error: errorText(error) });
        said = true;
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      }
    }
  };
  bus.onReconnect(() => void find());
  void find();
  return {
    get epoch() {
      return epoch;
    },
    onReturn: (callback) => void onReturn.push(callback),
    onChange: (callback) => void onChange.push(callback),
    stop: () => {
      stopped = true;
    },
  };
}
