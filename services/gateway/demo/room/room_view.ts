/**
 * One room of the page: messages in order, older ones on scrolling up, typing users. The view keeps its
 * state while another room is shown.
 */
import type { Hopwire, HopwireError, Message, Room } from "../../../../client/mod.ts";
import { byId } from "../../../kit/page/dom.ts";
import { HistoryPages } from "./history_pages.ts";
import { hopsAddress, sendTraced } from "./hops_link.ts";
import {
  type MessageLine,
  messageView,
  noteView,
  showErased,
  showHopsLink,
  showPlace,
  showProgress,
  showRefusal,
} from "./message_view.ts";
import { insertAbove, isAtEnd, setBusy, tellOfNewer, toEnd, whenOnTop } from "./scroller.ts";
import { Typing } from "./typing.ts";

/** Most messages that are kept in the DOM. */
const MAX_SHOWN = 1_000;

const READ_ONLY = "You may read here, but not speak.";

/** A message of this user that the room has not shown yet. */
interface Sent {
  line: MessageLine;
  traceId?: string;
}

const list = byId<HTMLOListElement>("lines");
const empty = byId("empty");

/** The view of one room. */
export class RoomView {
  readonly room: Room;
  readonly typing: Typing;
  readonly #hop: Hopwire;
  readonly #changed: () => void;
  readonly #lines: MessageLine[] = [];
  readonly #pending = new Map<string, Sent>();
  readonly #history: HistoryPages;
  #early: Message[] | null = [];
  #shown = false;
  unread = 0;
  /** Rises whenever members may have changed. */
  membersVersion = 0;
  /** Why the user may not speak here; null if nothing is known that forbids it. */
  mute: string | null = null;
  /** Whether the room has ended, but not by the user. */
  ended = false;

  /** The view calls `changed` after a change outside the list of messages. */
  constructor(hop: Hopwire, name: string, changed: () => void) {
    this.#hop = hop;
    this.#changed = changed;
    const room = this.room = hop.join(name);
    this.#history = new HistoryPages(room);
    this.typing = new Typing(room, () => hop.user?.userId, changed);
    room.on("message", (message) => this.#came(message));
    room.on("joined", ({ recovered }) => {
      this.#setMute(null);
      if (!recovered) void this.#begin();
    });
    room.on("lost", () => this.#note("some messages were missed; reloading the history"));
    room.on("erased", ({ seq }) => {
      const line = this.#lines.find((line) => line.seq === seq);
      if (line !== undefined) showErased(line.node);
    });
    room.on("member-joined", ({ username, userId }) => this.#note(`${username || userId} joined`));
    room.on("member-left", ({ username, userId }) => {
      this.typing.stopped(userId);
      this.#note(`${username || userId} left`);
    });
    const membersChanged = () => {
      this.membersVersion++;
      changed();
    };
    for (const event of ["members", "member-updated", "joined"] as const) {
      room.on(event, membersChanged);
    }
    room.on("error", (error) => this.#refused(error));
    room.on("left", ({ reason }) => {
      if (hop.state === "closed") return;
      this.ended = true;
      this.mute = `You are not in this room: ${reason}.`;
      this.#early = null;
      this.#showEmpty();
      changed();
    });
  }

  /** Shows this room on the page. */
  show(): void {
    this.#shown = true;
    this.unread = 0;
    this.#showAll();
    whenOnTop(() => void this.#readOlder());
    this.#changed();
  }

  hide(): void {
    this.#shown = false;
  }

  /** Sends a message. It appears at the end at once, with its delivery state. */
  send(content: unknown): void {
    const id = `${this.#hop.user?.userId ?? "me"}-${Date.now().toString(36)}-${
      Math.random().toString(36).slice(2, 10)
    }`.replace(/[^\x21-\x7e]/g, "_").slice(-64);
    const { userId = "me", username = "me" } = this.#hop.user ?? {};
    const message = { room: this.room.name, id, userId, username, content, seq: 0, prev: 0 };
    const line = messageView({ ...message, timestamp: Date.now() }, true);
    const before = [...this.#pending.values()].at(-1)?.line ?? this.#lines.at(-1);
    const sent: Sent = { line };
    this.#pending.set(id, sent);
    showPlace(line, before);
    if (this.#shown) {
      list.append(line.node);
      this.#showEmpty();
      toEnd();
    }
    this.typing.sent();
    this.#deliver(id, sent, content);
  }

  #deliver(id: string, sent: Sent, content: unknown): void {
    const { node } = sent.line;
    node.querySelector(".trouble")?.remove();
    showProgress(node, "sending");
    sendTraced(this.room, content, id).then((ack) => {
      this.#setMute(null);
      sent.traceId = ack.traceId;
      if (sent.line.node.dataset.progress === "sending") showProgress(sent.line.node, "stored");
      this.#linkHops(sent.line, ack.seq, sent.traceId);
    }, (error: HopwireError) => {
      if (error.code === "forbidden") this.#setMute(READ_ONLY);
      const retry = () => this.#deliver(id, sent, content);
      const discard = () => {
        this.#pending.delete(id);
        node.remove();
        this.#arrangePending();
        this.#showEmpty();
      };
      showRefusal(node, error.message, { retry, discard });
      if (this.#shown) toEnd();
    });
  }

  #refused(error: HopwireError): void {
    // What one may not say one may not type either, so this comes before the first message is refused.
    if (error.code === "forbidden") this.#setMute(READ_ONLY);
    else this.#note(error.message);
  }

  #setMute(mute: string | null): void {
    if (mute === this.mute || this.ended) return;
    this.mute = mute;
    this.#changed();
  }

  #linkHops(line: MessageLine, seq: number, traceId?: string): void {
    const address = hopsAddress({ room: this.room.name, seq, traceId });
    if (address !== null) showHopsLink(line.node, address);
  }

  /** Loads the newest messages. Live messages that arrive meanwhile follow them. */
  async #begin(): Promise<void> {
    const early: Message[] = this.#early ??= [];
    this.#history.startBefore();
    const page = await this.#page();
    if (page === null) return;
    this.#lines.length = 0;
    for (const message of page.toReversed()) {
      this.#pending.delete(message.id);
      const line = this.#view(message);
      showPlace(line, this.#lines.at(-1));
      this.#lines.push(line);
    }
    this.#arrangePending();
    const last = page[0]?.seq ?? 0;
    this.#early = null;
    if (this.#shown) this.#showAll();
    for (const message of early) if (message.seq === 0 || message.seq > last) this.#came(message);
  }

  #showAll(): void {
    const pending = [...this.#pending.values()].map(({ line }) => line);
    list.replaceChildren(...[...this.#lines, ...pending].map(({ node }) => node));
    this.#showEmpty();
    toEnd();
  }

  /** Reads the next older page, newest first. Returns null if that fails. */
  async #page(): Promise<Message[] | null> {
    try {
      return await this.#history.next();
    } catch (error) {
      this.#early = null;
      this.#note(`the history could not be loaded: ${(error as Error).message}`);
      return null;
    }
  }

  async #readOlder(): Promise<void> {
    if (!this.#history.hasMore || this.#history.isReading) return;
    setBusy(true);
    const page = await this.#page();
    setBusy(false);
    if (page === null || page.length === 0) return;
    const lines = page.toReversed().map((message) => this.#view(message));
    lines.forEach((line, index) => showPlace(line, lines[index - 1]));
    if (this.#lines[0] !== undefined) showPlace(this.#lines[0], lines.at(-1));
    this.#lines.unshift(...lines);
    if (!this.#shown) return;
    insertAbove(() => list.prepend(...lines.map(({ node }) => node)));
  }

  #view(message: Message): MessageLine {
    const mine = message.userId === this.#hop.user?.userId;
    try {
      const line = messageView(message, mine);
      if (mine) showProgress(line.node, "delivered");
      this.#linkHops(line, message.seq);
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
    this.typing.stopped(message.userId);
    const line = this.#view(message);
    const sent = this.#pending.get(message.id);
    if (sent !== undefined) {
      sent.line.node.remove();
      sent.line = line;
      if (sent.traceId !== undefined) this.#linkHops(line, message.seq, sent.traceId);
      this.#pending.delete(message.id);
    }
    if (!this.#shown && message.userId !== this.#hop.user?.userId) this.unread++;
    this.#add(line);
    this.#changed();
  }

  #note(text: string): void {
    this.#add(noteView(text));
    this.#changed();
  }

  #add(line: MessageLine): void {
    const atEnd = isAtEnd();
    showPlace(line, this.#lines.at(-1));
    this.#lines.push(line);
    if (this.#shown) {
      const [pending] = this.#pending.values();
      list.insertBefore(line.node, pending?.line.node ?? null);
      this.#showEmpty();
      if (atEnd) toEnd();
      else tellOfNewer();
    }
    this.#arrangePending();
    // Do not remove old messages while the user reads them.
    const most = this.#shown && !atEnd ? 2 * MAX_SHOWN : MAX_SHOWN;
    if (this.#lines.length > most) this.#dropOld();
  }

  #arrangePending(): void {
    const [first] = this.#pending.values();
    if (first !== undefined) showPlace(first.line, this.#lines.at(-1));
  }

  #dropOld(): void {
    for (const { node } of this.#lines.splice(0, this.#lines.length - MAX_SHOWN)) node.remove();
    showPlace(this.#lines[0]!, undefined);
    this.#history.startBefore(this.#lines.find(({ seq }) => seq > 0)?.seq);
  }

  /** Invites others while nobody has said anything. */
  #showEmpty(): void {
    if (!this.#shown) return;
    const said = this.#pending.size > 0 || this.#lines.some(({ userId }) => userId !== null);
    empty.hidden = said || this.#early !== null || this.ended;
  }
}
