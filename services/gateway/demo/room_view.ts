/**
 * One room of the page: messages in order, older ones on scrolling up, typing users and members. The
 * view keeps its state while another room is shown.
 */
import type { Hopwire, Message, Room } from "../../../client/mod.ts";
import { byId, element } from "./dom.ts";
import { messageView, noteView, showProgress } from "./message_view.ts";

/** Messages in one page of history, and messages kept in the DOM. */
const [PAGE, MAX_SHOWN] = [40, 1_000];

/** Distance from an end of the list that still counts as the end, pixels. */
const NEAR = 60;

/** How often the page reports typing, and how long a report is valid, milliseconds. */
const [TYPING_EVERY_MS, TYPING_FOR_MS] = [2_000, 4_000];

const list = byId<HTMLOListElement>("messages");
const newest = byId<HTMLButtonElement>("newest");

/** The view of one room. */
export class RoomView {
  readonly room: Room;
  readonly #hop: Hopwire;
  readonly #changed: () => void;
  readonly #lines: HTMLLIElement[] = [];
  readonly #pending = new Map<string, HTMLLIElement>();
  readonly #typing = new Map<string, { name: string; until: number }>();
  #older: AsyncGenerator<Message> | null = null;
  #reading = false;
  #early: Message[] | null = [];
  #saidTyping = 0;
  #shown = false;
  unread = 0;

  /** The view calls `changed` after a change outside the list of messages. */
  constructor(hop: Hopwire, name: string, changed: () => void) {
    this.#hop = hop;
    this.#changed = changed;
    this.room = hop.join(name);
    const { room } = this;
    room.on("message", (message) => this.#came(message));
    room.on("signal", ({ userId, username, content }) => {
      if (userId === hop.user?.userId) return;
      const typing = (content as { typing?: unknown } | null)?.typing === true;
      if (typing && this.#typing.size < 50) {
        const until = Date.now() + TYPING_FOR_MS;
        this.#typing.set(userId, { name: username || userId, until });
        setTimeout(changed, TYPING_FOR_MS + 50);
      } else this.#typing.delete(userId);
      changed();
    });
    room.on("joined", ({ recovered }) => {
      if (!recovered) void this.#begin();
    });
    room.on("lost", () => this.#note("some messages were missed; reloading the history"));
    room.on("member-joined", ({ username, userId }) => this.#note(`${username || userId} joined`));
    room.on("member-left", ({ username, userId }) => {
      this.#typing.delete(userId);
      this.#note(`${username || userId} left`);
    });
    room.on("members", changed);
    room.on("error", ({ message }) => this.#note(message));
    room.on("left", changed);
  }

  /** The names of the users who are typing. */
  get typing(): string[] {
    const now = Date.now();
    for (const [userId, { until }] of this.#typing) if (until < now) this.#typing.delete(userId);
    return [...this.#typing.values()].map(({ name }) => name);
  }

  /** Shows this room on the page. */
  show(): void {
    this.#shown = true;
    this.unread = 0;
    list.replaceChildren(...this.#lines, ...this.#pending.values());
    this.toEnd();
    list.onscroll = () => this.#scrolled();
    newest.onclick = () => this.toEnd();
    this.#changed();
  }

  hide(): void {
    this.#shown = false;
  }

  toEnd(): void {
    list.scrollTop = list.scrollHeight;
    newest.hidden = true;
  }

  /** Sends a message. It appears at the end at once, with its delivery state. */
  send(content: unknown): void {
    const id = `${this.#hop.user?.userId ?? "me"}-${Date.now().toString(36)}-${
      Math.random().toString(36).slice(2, 10)
    }`.replace(/[^\x21-\x7e]/g, "_").slice(-64);
    const { userId = "me", username = "me" } = this.#hop.user ?? {};
    const message = { room: this.room.name, id, userId, username, content, seq: 0, prev: 0 };
    const line = messageView({ ...message, timestamp: Date.now() }, true);
    showProgress(line, "sending");
    this.#pending.set(id, line);
    if (this.#shown) {
      list.append(line);
      this.toEnd();
    }
    this.#saidTyping = 0;
    this.room.send(content, { id }).then(
      () => line.dataset.progress === "sending" && showProgress(line, "stored"),
      (error) => showProgress(line, "failed", error.message),
    );
  }

  /** Reports typing to the other members, at a limited rate. */
  types(typing: boolean): void {
    const now = Date.now();
    if (typing && now - this.#saidTyping < TYPING_EVERY_MS) return;
    if (!typing && this.#saidTyping === 0) return;
    this.#saidTyping = typing ? now : 0;
    this.room.signal({ typing });
  }

  /** Loads the newest messages. Live messages that arrive meanwhile follow them. */
  async #begin(): Promise<void> {
    const early: Message[] = this.#early ??= [];
    this.#older = this.room.history({ pageSize: PAGE });
    const page = await this.#page();
    if (page === null) return;
    this.#lines.length = 0;
    for (const message of page) {
      this.#pending.delete(message.id);
      this.#lines.unshift(this.#view(message));
    }
    const last = page[0]?.seq ?? 0;
    this.#early = null;
    if (this.#shown) {
      list.replaceChildren(...this.#lines, ...this.#pending.values());
      this.toEnd();
    }
    for (const message of early) if (message.seq === 0 || message.seq > last) this.#came(message);
  }

  /** Reads the next older page, newest first. Returns null if that fails. */
  async #page(): Promise<Message[] | null> {
    const page: Message[] = [];
    this.#reading = true;
    try {
      while (page.length < PAGE) {
        const { value, done } = await this.#older!.next();
        if (done) {
          this.#older = null;
          break;
        }
        page.push(value!);
      }
      return page;
    } catch (error) {
      this.#note(`the history could not be loaded: ${(error as Error).message}`);
      this.#early = null;
      return null;
    } finally {
      this.#reading = false;
    }
  }

  #scrolled(): void {
    if (list.scrollHeight - list.scrollTop - list.clientHeight < NEAR) newest.hidden = true;
    if (list.scrollTop < NEAR) void this.#readOlder();
  }

  async #readOlder(): Promise<void> {
    if (this.#older === null || this.#reading) return;
    list.setAttribute("aria-busy", "true");
    const page = await this.#page();
    list.removeAttribute("aria-busy");
    if (page === null || page.length === 0) return;
    const lines = page.toReversed().map((message) => this.#view(message));
    this.#lines.unshift(...lines);
    if (!this.#shown) return;
    // Keep the visible messages in place.
    const fromEnd = list.scrollHeight - list.scrollTop;
    list.prepend(...lines);
    list.scrollTop = list.scrollHeight - fromEnd;
  }

  #view(message: Message): HTMLLIElement {
    const mine = message.userId === this.#hop.user?.userId;
    try {
      const line = messageView(message, mine);
      if (mine) showProgress(line, "delivered");
      return line;
    } catch {
      // One malformed message must not hide the others.
      return noteView("a message that could not be displayed");
    }
  }

  #came(message: Message): void {
    // Live messages wait until the page shows the history before them.
    if (this.#early !== null) {
      if (this.#early.length < MAX_SHOWN) this.#early.push(message);
      return;
    }
    this.#typing.delete(message.userId);
    this.#pending.get(message.id)?.remove();
    this.#pending.delete(message.id);
    const mine = message.userId === this.#hop.user?.userId;
    if (!this.#shown && !mine) this.unread++;
    this.#add(this.#view(message));
    this.#changed();
  }

  #note(text: string): void {
    this.#add(noteView(text));
    this.#changed();
  }

  #add(line: HTMLLIElement): void {
    const atEnd = list.scrollHeight - list.scrollTop - list.clientHeight < NEAR;
    this.#lines.push(line);
    if (this.#shown) {
      const [pending] = this.#pending.values();
      list.insertBefore(line, pending ?? null);
      if (atEnd) this.toEnd();
      else newest.hidden = false;
    }
    // Do not remove old messages while the user reads them.
    if (
      this.#lines.length <= MAX_SHOWN ||
      (this.#shown && !atEnd && this.#lines.length < 2 * MAX_SHOWN)
    ) {
      return;
    }
    const gone = this.#lines.splice(0, this.#lines.length - MAX_SHOWN);
    for (const old of gone) old.remove();
    const first = this.#lines.find(({ dataset }) => Number(dataset.seq) > 0);
    this.#older = this.room.history({
      pageSize: PAGE,
      before: Number(first?.dataset.seq ?? 0) || undefined,
    });
  }
}

/** Shows the members of a room. */
export function showMembers({ members, count }: Room): void {
  const names = [...members.values()].map(({ username, userId }) => username || userId);
  names.sort((a, b) => a.localeCompare(b));
  byId("members").replaceChildren(...names.map((name) => element("li", {}, name)));
  byId("count").textContent = count === undefined ? "" : `(${count})`;
}
