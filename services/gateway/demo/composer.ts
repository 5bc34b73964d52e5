/**
 * The composer: text, links, and why one may not speak.
 *
 * @module
 */
import { byId, element } from "../../kit/page/dom.ts";
import type { RoomView } from "./room/room_view.ts";

const text = byId<HTMLTextAreaElement>("text");
const link = byId<HTMLDialogElement>("link");
const mute = byId("mute");

/** Connects the composer. `current` returns the room that is shown. */
export function connectComposer(current: () => RoomView | null): void {
  const say = () => {
    const words = text.value.trim();
    const view = current();
    if (words === "" || view === null || view.mute !== null) return;
    view.send(words);
    text.value = "";
    text.style.height = "";
  };
  byId<HTMLFormElement>("say").addEventListener("submit", (event) => {
    event.preventDefault();
    say();
  });
  text.addEventListener("keydown", (event) => {
    // In an input method editor, Enter completes a word.
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    say();
  });
  text.addEventListener("input", () => {
    text.style.height = "";
    text.style.height = `${text.scrollHeight}px`;
    current()?.typing.report(text.value.trim() !== "");
  });
  byId("attach").addEventListener("click", () => {
    link.querySelector("form")!.reset();
    link.returnValue = "";
    link.showModal();
  });
  byId("link-cancel").addEventListener("click", () => link.close());
  link.addEventListener("close", () => {
    if (link.returnValue !== "send") return;
    const url = byId<HTMLInputElement>("link-url").value.trim();
    const caption = byId<HTMLInputElement>("link-text").value.trim();
    current()?.send(caption === "" ? { url } : { url, text: caption });
  });
}

/** Shows whether one may speak in a room. `enter` enters a room again that has ended. */
export function showComposer(view: RoomView, enter: () => void): void {
  byId<HTMLFieldSetElement>("composer").disabled = view.mute !== null;
  const words = view.mute === null ? "Say something" : "";
  if (text.placeholder !== words) text.placeholder = words;
  const shown = `${view.mute ?? ""}${view.ended}`;
  if (mute.dataset.shown === shown) return;
  mute.dataset.shown = shown;
  mute.hidden = view.mute === null;
  mute.replaceChildren(view.mute ?? "");
  if (!view.ended) return;
  const again = element(
    "button",
    { type: "button", className: "button plain small" },
    "Enter again",
  );
  again.addEventListener("click", enter);
  mute.append(" ", again);
}
