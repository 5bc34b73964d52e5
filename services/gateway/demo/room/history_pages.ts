/**
 * The history of a room, page by page, newest first.
 *
 * @module
 */
import type { Message, Room } from "../../../../client/mod.ts";

/** Messages in one page. */
const PAGE = 40;

/** Reads the history of one room. */
export class HistoryPages {
  readonly #room: Room;
  #older: AsyncGenerator<Message> | null = null;
  /** Whether a page is being read. */
  isReading = false;

  constructor(room: Room) {
    this.#room = room;
  }

  /** Whether there may be older messages. */
  get hasMore(): boolean {
    return this.#older !== null;
  }

  /** Starts over, with the messages before a seq; without one with the newest. */
  startBefore(before?: number): void {
    this.#older = this.#room.history({ pageSize: PAGE, before });
  }

  /**
   * Reads the next page.
   *
   * @throws {HopwireError} the server's refusal; `left` or `closed`
   */
  async next(): Promise<Message[]> {
    const page: Message[] = [];
    const older = this.#older;
    this.isReading = true;
    try {
      while (older !== null && page.length < PAGE) {
        const { value, done } = await older.next();
        if (done) {
          if (this.#older === older) this.#older = null;
          break;
        }
        page.push(value);
      }
      return page;
    } finally {
      this.isReading = false;
    }
  }
}
