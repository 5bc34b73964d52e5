/**
 * A table of 1,000 prices that tick. The latest message has all of them, signals have the changes. The
 * page draws once a frame, whatever arrives meanwhile.
 *
 * @module
 */
import { connect } from "../connect.ts";
import { AllPrices, Changes, ROOM, ROWS } from "./prices.ts";

const status = document.querySelector<HTMLElement>("#status")!;
const body = document.querySelector<HTMLElement>("tbody")!;
const prices: (number | undefined)[] = Array(ROWS).fill(undefined);
/** What arrived since the last frame. */
const changed = new Map<number, number>();
let frame: number | undefined;

const rows = prices.map((_, index) => {
  const row = document.createElement("tr");
  const name = document.createElement("th");
  name.scope = "row";
  name.textContent = `HOP${String(index).padStart(4, "0")}`;
  const price = document.createElement("td");
  price.textContent = "–";
  row.append(name, price);
  return { row, price };
});
body.append(...rows.map(({ row }) => row));

const hop = connect();
const room = hop.join(ROOM, { schema: AllPrices, signalSchema: Changes, presence: false });
hop.on("state", ({ state }) => status.textContent = state);
room.on("signal", ({ content }) => change(content));
room.on("message", ({ content }) => showAll(content));
// The list is complete at once, also after a pause in which changes were missed.
room.on("joined", async () => {
  for await (const { content } of room.history({ pageSize: 1 })) {
    // What is already on the way is newer.
    if (content !== null) {
      change(Array.from(content.entries()).filter(([row]) => !changed.has(row)));
    }
    break;
  }
});

function showAll(content: AllPrices | null): void {
  if (content !== null) change(Array.from(content.entries()));
}

function change(changes: Changes): void {
  for (const [row, price] of changes) changed.set(row, price);
  frame ??= requestAnimationFrame(draw);
}

function draw(): void {
  frame = undefined;
  for (const [index, price] of changed) {
    const before = prices[index];
    if (before === price) continue;
    prices[index] = price;
    const cell = rows[index]!.price;
    cell.textContent = (price / 100).toFixed(2);
    if (before !== undefined) cell.className = price > before ? "up" : "down";
  }
  changed.clear();
}
