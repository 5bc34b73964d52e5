/** PROTOCOL.md and the schemas agree. */
import assert from "node:assert/strict";
import * as z from "zod";
import { type CodeBlock, codeBlocks, everyBlock } from "../../tests/harness/code_blocks.ts";
import {
  answerSubject,
  ArchiveAudit,
  AUTH_DEADLINE_MS,
  AuthIssue,
  AuthRevocations,
  AuthRevoke,
  AuthUnrevoke,
  AuthVerify,
  bucketOf,
  callSubject,
  CLIENT_FRAME_TYPES,
  CLOSES,
  DEFAULT_CALL_TIMEOUT_MS,
  DEFAULT_HISTORY_LIMIT,
  DENIALS_STALE_MS,
  denialSubject,
  DUPLICATE_WINDOW_MS,
  ERRORS,
  GATEWAY_ALIVE,
  GATEWAY_PING,
  GATEWAY_USAGE,
  GatewayConnections,
  GatewayDisconnect,
  gatewaySessionSubject,
  GatewayState,
  HistoryErase,
  HistoryHeads,
  HistoryRead,
  HOOK_STATE_SUBJECTS,
  hookDeadSubject,
  hookEventSubject,
  hookReplaySubject,
  HOOKS_ENDPOINTS,
  liveSubject,
  LOG_CHANGED,
  LogConfirm,
  MAX_ANNOUNCED_MEMBERS,
  MAX_CALL_TIMEOUT_MS,
  MAX_CONTENT_BYTES,
  MAX_FRAME_BYTES,
  MAX_HISTORY_LIMIT,
  MAX_ID_LENGTH,
  MAX_MEASURED_MS,
  MAX_MEASUREMENTS,
  MAX_PAGE_BYTES,
  MAX_POST_BYTES,
  MAX_PRESENCE_BYTES,
  MAX_PRESENCE_PAGE,
  MAX_ROOM_TOKENS,
  MEASUREMENTS_MS,
  messageSubject,
  movingSubject,
  parseClientFrame,
  PollAnswer,
  PollHead,
  presenceChangeSubject,
  presenceStateSubject,
  revokedSubject,
  ROOM_BUCKETS,
  ROOM_ERASED,
  ROOM_KICKED,
  ROOMS_RULES,
  RoomsBan,
  RoomsBans,
  RoomsGrant,
  RoomsJoin,
  RoomsKick,
  RoomsPresence,
  RoomsRoster,
  RoomsUnban,
  RoomsVerify,
  screenSubject,
  SendHead,
  ServerFrame,
  SessionClosed,
  signalSubject,
  StreamOpened,
  unstoredSubject,
  userEventSubject,
  WebhookBatch,
  WebhookEvent,
} from "./mod.ts";

const text = await Deno.readTextFile(new URL("PROTOCOL.md", import.meta.url));

/** Returns the JSON objects in code blocks. */
function examples(blocks: readonly CodeBlock[]): string[] {
  return blocks.flatMap((block) => block.text.trim().split(/\n(?=\{)/));
}

/** Returns the cells of each row of the first table below a heading. */
function table(heading: string): string[][] {
  const section = text.split(`## ${heading}\n`)[1]!.split(/\n###? /)[0]!;
  return section.split("\n").filter((line) => line.startsWith("| ")).slice(2).map((line) =>
    line.split("|").slice(1, -1).map((cell) => cell.trim().replaceAll("`", ""))
  );
}

Deno.test("every client example parses, and every frame type has an example", async () => {
  const types = new Set<string>();
  for (
    const example of examples(await everyBlock("services/contract/PROTOCOL.md", "json client"))
  ) {
    const parsed = parseClientFrame(example);
    assert.ok(parsed.ok, `${example}: ${JSON.stringify(parsed)}`);
    types.add(parsed.frame.type);
  }
  assert.deepEqual([...types].sort(), [...CLIENT_FRAME_TYPES].sort());
});

Deno.test("every server example parses, and every frame type has an example", async () => {
  const types = new Set<string>();
  for (
    const example of examples(await everyBlock("services/contract/PROTOCOL.md", "json server"))
  ) {
    const frame = ServerFrame.parse(JSON.parse(example));
    assert.deepEqual(frame, JSON.parse(example), "an example has a field that the schema lacks");
    types.add(frame.type);
  }
  const all = ServerFrame.options.map((option) => option.shape.type.value);
  assert.deepEqual([...types].sort(), [...all].sort());
});

Deno.test("the examples of streams, polls and posts parse", async () => {
  const blocks = await codeBlocks(
    "services/contract/PROTOCOL.md",
    "## Without WebSocket",
    "text",
    3,
  );
  const [stream, poll, post] = blocks.map((block) => block.trim().split("\n")) as [
    string[],
    string[],
    string[],
  ];
  const events = [...stream.join("\n").matchAll(/^event: (\w+)\ndata: (.*)$/gm)];
  assert.deepEqual(events.map(([, event]) => event), ["open", "close"]);
  StreamOpened.parse(JSON.parse(events[0]![2]!));
  SessionClosed.parse(JSON.parse(events[1]![2]!));
  const answer = PollAnswer.parse(JSON.parse(poll[1]!));
  PollHead.parse(JSON.parse(poll[0]!));
  for (const frame of answer.frames) ServerFrame.parse(frame);
  SendHead.parse(JSON.parse(post[0]!));
  assert.ok(post.length > 1);
  for (const frame of post.slice(1)) assert.ok(parseClientFrame(frame).ok, frame);
});

Deno.test("the examples of webhooks parse", async () => {
  const blocks = await everyBlock("services/contract/PROTOCOL.md", "json webhook");
  const bodies = examples(blocks).map((example) => JSON.parse(example));
  const schema = z.union([WebhookEvent, WebhookBatch]);
  assert.equal(bodies.length, 2);
  for (const body of bodies) assert.deepEqual(schema.parse(body), body);
});

Deno.test("the table of error codes matches ERRORS", () => {
  const rows = table("Error codes").map(([code, message]) => [code, message]);
  assert.deepEqual(rows, Object.entries(ERRORS));
});

Deno.test("the table of close codes matches CLOSES", () => {
  const rows = table("Close codes").map(([code, name, reason]) => [Number(code), name, reason]);
  const own = Object.entries(CLOSES).map(([name, { code, reason }]) => [code, name, reason]);
  assert.deepEqual(rows, own);
});

Deno.test("the numbers in the text match the limits", () => {
  const words = text.replace(/\s+/g, " ");
  const number = (value: number) => value.toLocaleString("en");
  for (
    const phrase of [
      `at most ${MAX_CONTENT_BYTES / 1024} KiB`,
      `more than ${MAX_CONTENT_BYTES / 1024} KiB of JSON`,
      `larger than ${MAX_FRAME_BYTES / 1024} KiB`,
      `at most ${MAX_POST_BYTES / 1024} KiB`,
      `cut at ${MAX_PAGE_BYTES / 1024} KiB`,
      `more than ${number(MAX_ANNOUNCED_MEMBERS)} members`,
      `no token within ${AUTH_DEADLINE_MS / 1_000} s`,
      `none arrived within ${AUTH_DEADLINE_MS / 1_000} s`,
      `defaults to ${DEFAULT_HISTORY_LIMIT} and may be up to ${MAX_HISTORY_LIMIT}`,
      `\`limit\` defaults to ${MAX_PRESENCE_PAGE}`,
      `(${number(DEFAULT_CALL_TIMEOUT_MS)} by default, at most ${number(MAX_CALL_TIMEOUT_MS)})`,
      `1 to ${MAX_ID_LENGTH} visible ASCII characters`,
      `modulo ${ROOM_BUCKETS}`,
      `not answered for ${DENIALS_STALE_MS / 1_000} s`,
      `at most ${number(MAX_PRESENCE_BYTES)} bytes`,
      `at most ${MAX_MEASUREMENTS} entries, and a connection may send as many each ${
        MEASUREMENTS_MS / 1_000
      } s`,
      `milliseconds, at most ${number(MAX_MEASURED_MS)}.`,
    ]
  ) assert.ok(words.includes(phrase), `the text does not say "${phrase}"`);
  assert.equal(MAX_ROOM_TOKENS, 4, "one to four tokens");
  assert.equal(DUPLICATE_WINDOW_MS, 2 * 60_000, "within two minutes");
});

Deno.test("the table of subjects matches the subjects that the contract builds", () => {
  const rows = table("On the bus").flatMap(([subjects]) => subjects!.split(", "));
  const shown = rows.map((subject) => subject.replace(/ \(requests?\)/, "")).sort();
  const [room, user, bucket] = ["lobby", "u7", bucketOf("lobby")];
  const built = [
    messageSubject(room),
    movingSubject(1),
    liveSubject(room),
    unstoredSubject(room),
    signalSubject(room),
    presenceChangeSubject(room),
    presenceStateSubject("g1"),
    userEventSubject(user),
    revokedSubject(user),
    AuthRevoke.subject,
    AuthUnrevoke.subject,
    AuthRevocations.subject,
    denialSubject({ kind: "user", userId: user }),
    denialSubject({ kind: "token", tokenId: "t1" }),
    denialSubject({ kind: "ban", userId: user, room }),
    RoomsKick.subject,
    RoomsBan.subject,
    RoomsUnban.subject,
    RoomsBans.subject,
    ROOM_KICKED,
    GATEWAY_ALIVE,
    GATEWAY_PING,
    GATEWAY_USAGE,
    GatewayConnections.subject,
    GatewayDisconnect.subject,
    GatewayState.subject,
    AuthIssue.subject,
    gatewaySessionSubject("g1"),
    AuthVerify.subject,
    RoomsGrant.subject,
    RoomsJoin.subject,
    RoomsRoster.subject,
    RoomsVerify.subject,
    ROOMS_RULES,
    RoomsPresence.subject,
    HistoryRead.subject,
    HistoryHeads.subject,
    HistoryErase.subject,
    ArchiveAudit.subject,
    ROOM_ERASED,
    LogConfirm.subject,
    LOG_CHANGED,
    answerSubject("h1"),
    ...HOOKS_ENDPOINTS,
    hookEventSubject("<type>"),
    hookReplaySubject("<endpoint>"),
    hookDeadSubject("<endpoint>"),
    HOOK_STATE_SUBJECTS,
    callSubject("dice", "roll"),
    screenSubject("dice"),
  ].map((subject) =>
    subject
      .replace(`.${bucket}.`, ".<bucket>.")
      .replace(/\.lobby$/, ".<room>")
      .replace(/\.u7(\.|$)/, ".<user>$1")
      .replace(/\.g1$/, ".<gateway>")
      .replace(/^room\.moving\.1$/, "room.moving.<stream>")
      .replace(/\.t1$/, ".<token>")
      .replace(/\.h1$/, ".<request>")
      .replace("dice.roll", "<service>.<method>")
      .replace(/\.dice$/, ".<service>")
  );
  assert.deepEqual(shown, built.sort());
});
