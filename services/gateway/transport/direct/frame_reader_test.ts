import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
// @ts-types="@types/ws"
import * as ws from "ws";
import fc from "fast-check";
import { FrameReader } from "./frame_reader.ts";

/** The length of the longest message here. */
const MAX_BYTES = 1_000;

/** What a reader has told, one line each. */
type Told = string[];

const textOf = (text: string, bytes: number) => `text ${bytes} ${text}`;

/** Feeds chunks to our reader. */
function readOurs(chunks: Buffer[]): Told {
  const told: Told = [];
  const reader = new FrameReader({
    text: (text, bytes) => told.push(textOf(text, bytes)),
    binary: () => told.push("binary"),
    ping: (payload) => told.push(`ping ${Buffer.from(payload).toString("hex")}`),
    pong: () => told.push("pong"),
    concluded: (code, payload) => {
      told.push(`close ${code} ${Buffer.from(payload.subarray(2)).toString("hex")}`);
    },
    failed: (code) => told.push(`failed ${code}`),
  }, MAX_BYTES);
  // One buffer for all reads, as on a socket: what the reader keeps it must have copied.
  const shared = Buffer.alloc(Math.max(0, ...chunks.map(({ length }) => length)));
  for (const chunk of chunks) {
    chunk.copy(shared);
    reader.push(shared, chunk.length);
    shared.fill(0xff);
  }
  return told;
}

/** Feeds the same chunks to the reader of npm ws. */
async function readTheirs(chunks: Buffer[]): Promise<Told> {
  const { Receiver } = ws as unknown as { Receiver: new (options: object) => ws.WebSocket };
  const told: Told = [];
  // As npm ws sets it up for a server.
  const receiver = new Receiver({
    isServer: true,
    maxPayload: MAX_BYTES,
    maxFragments: 16_384,
  }) as unknown as NodeJS.WritableStream;
  receiver.on("message", (data: Buffer, isBinary: boolean) => {
    told.push(isBinary ? "binary" : textOf(data.toString(), data.length));
  });
  receiver.on("ping", (payload: Buffer) => told.push(`ping ${payload.toString("hex")}`));
  receiver.on("pong", () => told.push("pong"));
  receiver.on("conclude", (code: number, reason: Buffer) => {
    told.push(`close ${code} ${reason.toString("hex")}`);
  });
  const failed = new Promise<void>((resolve) =>
    receiver.on("error", (error: object) => {
      const code = Object.getOwnPropertySymbols(error)
        .find((symbol) => symbol.description === "status-code")!;
      told.push(`failed ${(error as Record<symbol, number>)[code]}`);
      resolve();
    })
  );
  for (const chunk of chunks) {
    if (!(receiver as unknown as { writable: boolean }).writable) break;
    // It resolves once the chunk has been read, or never if the reader has failed.
    const read = new Promise<void>((resolve) =>
      receiver.write(Buffer.from(chunk), () => resolve())
    );
    await Promise.race([read, failed]);
  }
  return told;
}

/** A frame as a client may send it, with what is wrong about it. */
interface Given {
  first: number;
  masked: boolean;
  mask: number[];
  /** How the length is written: in 7, 16 or 64 bits. Too small a kind is made larger. */
  lengthBits: 7 | 16 | 64;
  payload: Buffer;
}

function encode({ first, masked, mask, lengthBits, payload }: Given): Buffer {
  const size = payload.length;
  const bits = size > 65_535 ? 64 : size > 125 && lengthBits === 7 ? 16 : lengthBits;
  const bit = masked ? 0x80 : 0;
  const header = bits === 7 ? Buffer.from([first, bit | size]) : Buffer.alloc(bits === 16 ? 4 : 10);
  if (bits === 16) {
    header.set([first, bit | 126]);
    header.writeUInt16BE(size, 2);
  } else if (bits === 64) {
    header.set([first, bit | 127]);
    header.writeBigUInt64BE(BigInt(size), 2);
  }
  if (!masked) return Buffer.concat([header, payload]);
  return Buffer.concat([header, Buffer.from(mask), payload.map((byte, i) => byte ^ mask[i % 4]!)]);
}

const given = (
  first: number,
  payload: Buffer | string,
  others: Partial<Given> = {},
): Given => ({
  first,
  masked: true,
  mask: [1, 2, 3, 4],
  lengthBits: 7,
  payload: Buffer.from(payload as string),
  ...others,
});

/** Cuts bytes into chunks of these lengths, again and again. */
function cut(bytes: Buffer, lengths: number[]): Buffer[] {
  const chunks: Buffer[] = [];
  for (let at = 0, i = 0; at < bytes.length; i++) {
    const length = lengths[i % lengths.length]!;
    chunks.push(bytes.subarray(at, at + length));
    at += length;
  }
  return chunks;
}

const header = (...bytes: number[]) => Buffer.from(bytes);

Deno.test("the reader tells what each frame of a table means, however it is cut", async () => {
  const long = "x".repeat(300);
  const whole = "é".repeat(400);
  const table: [string, (Given | Buffer)[], Told][] = [
    ["text", [given(0x81, "hello")], [textOf("hello", 5)]],
    ["an empty text", [given(0x81, "")], [textOf("", 0)]],
    ["text with a zero mask", [given(0x81, "a", { mask: [0, 0, 0, 0] })], [textOf("a", 1)]],
    ["two texts", [given(0x81, "a"), given(0x81, "b")], [textOf("a", 1), textOf("b", 1)]],
    ["16 bits of length", [given(0x81, long)], [textOf(long, 300)]],
    ["16 bits for a short text", [given(0x81, "a", { lengthBits: 16 })], [textOf("a", 1)]],
    ["64 bits of length", [given(0x81, long, { lengthBits: 64 })], [textOf(long, 300)]],
    ["the longest", [given(0x81, "y".repeat(1_000))], [textOf("y".repeat(1_000), 1_000)]],
    ["UTF-8", [given(0x81, whole)], [textOf(whole, 800)]],
    ["a byte order mark", [given(0x81, "\ufeffa")], [textOf("\ufeffa", 4)]],
    ["binary", [given(0x82, "a")], ["binary"]],
    [
      "fragments, cut within a character, with a ping between",
      [
        given(0x01, Buffer.from([0xc3])),
        given(0x89, "p"),
        given(0x00, Buffer.from([0xa9])),
        given(0x80, ""),
        given(0x81, "next"),
      ],
      ["ping 70", textOf("é", 2), textOf("next", 4)],
    ],
    ["empty fragments", [given(0x01, ""), given(0x00, ""), given(0x80, "")], [textOf("", 0)]],
    ["binary fragments", [given(0x02, "a"), given(0x80, "b")], ["binary"]],
    ["ping, pong", [given(0x89, ""), given(0x8a, "x")], ["ping ", "pong"]],
    ["the longest ping", [given(0x89, "z".repeat(125))], [`ping ${"7a".repeat(125)}`]],
    ["a close without a code", [given(0x88, "")], ["close 1005 "]],
    ["a close, and nothing after it", [
      given(0x88, Buffer.from([0x03, 0xe8, 0x62])),
      given(0x81, "lost"),
    ], ["close 1000 62"]],
    ["a close with our own code", [given(0x88, header(0x10, 0x00))], ["close 4096 "]],
    ["too long a text, by its header alone", [header(0x81, 0xfe, 0x03, 0xe9)], ["failed 1009"]],
    ["fragments that are too long together", [
      given(0x01, "x".repeat(999)),
      given(0x80, "xx"),
    ], ["failed 1009"]],
    ["a length that no number holds", [
      header(0x82, 0xff, 0, 0x20, 0, 0, 0, 0, 0, 0),
    ], ["failed 1009"]],
    ["no mask", [given(0x81, "a", { masked: false })], ["failed 1002"]],
    ["invalid UTF-8", [given(0x81, header(0xc3, 0x28))], ["failed 1007"]],
    ["a surrogate", [given(0x81, header(0xed, 0xa0, 0x80))], ["failed 1007"]],
    ["an overlong character", [given(0x81, header(0xc0, 0xaf))], ["failed 1007"]],
    ["fragments that end within a character", [
      given(0x01, header(0xe2, 0x82)),
      given(0x80, ""),
    ], ["failed 1007"]],
    ["a close with a reason that is not UTF-8", [
      given(0x88, header(0x03, 0xe8, 0xff)),
    ], ["failed 1007"]],
    ["a close with half a code", [header(0x88, 0x81)], ["failed 1002"]],
    ["a long ping", [header(0x89, 0xfe)], ["failed 1002"]],
    ["a ping in fragments", [header(0x09, 0x80)], ["failed 1002"]],
    ["a continuation of nothing", [given(0x80, "a")], ["failed 1002"]],
    ["a text within a message", [given(0x01, "a"), given(0x81, "b")], ["failed 1002"]],
    ...[3, 4, 5, 6, 7, 11, 12, 13, 14, 15].map((opcode): [string, Buffer[], Told] => [
      `opcode ${opcode}`,
      [header(0x80 | opcode, 0x80)],
      ["failed 1002"],
    ]),
    ...[0x10, 0x20, 0x40].map((bit): [string, Buffer[], Told] => [
      `reserved bit ${bit}`,
      [header(0x81 | bit, 0x80)],
      ["failed 1002"],
    ]),
    ...[0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000].map((
      code,
    ): [string, Given[], Told] => [
      `close code ${code}`,
      [given(0x88, header(code >> 8, code & 255))],
      ["failed 1002"],
    ]),
  ];
  for (const [name, frames, expected] of table) {
    const bytes = Buffer.concat(frames.map((one) => one instanceof Uint8Array ? one : encode(one)));
    for (const lengths of [[bytes.length], [1], [3], [7, 2]]) {
      const chunks = cut(bytes, lengths);
      assert.deepEqual(readOurs(chunks), expected, `${name}, cut ${lengths}`);
      assert.deepEqual(await readTheirs(chunks), expected, `npm ws: ${name}, cut ${lengths}`);
    }
  }
});

Deno.test("a message of too many frames is a violation", async () => {
  const frames = [given(0x01, ""), ...Array(16_384).fill(given(0x00, ""))];
  const chunks = [Buffer.concat(frames.map(encode))];
  assert.deepEqual(readOurs(chunks), ["failed 1008"]);
  assert.deepEqual(await readTheirs(chunks), ["failed 1008"]);
});

Deno.test("whatever arrives, the reader tells the same as that of npm ws", async () => {
  const payload = fc.oneof(
    {
      weight: 20,
      arbitrary: fc.string({ unit: "grapheme", maxLength: 60 }).map((text) => Buffer.from(text)),
    },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 130 }).map((bytes) => Buffer.from(bytes)) },
    {
      weight: 1,
      arbitrary: fc.constantFrom(125, 126, 600, 1_000, 1_001)
        .map((length) => Buffer.alloc(length, 97)),
    },
    {
      weight: 1,
      arbitrary: fc.constantFrom(1000, 1001, 1003, 1005, 4001)
        .map((code) => Buffer.from([code >> 8, code & 255, 111, 107])),
    },
  );
  // A whole message, one in two or three frames, a control frame, or anything.
  const firsts = fc.oneof(
    { weight: 12, arbitrary: fc.constantFrom([0x81], [0x82], [0x89], [0x8a]) },
    { weight: 4, arbitrary: fc.constantFrom([0x01, 0x80], [0x02, 0x00, 0x80], [0x01, 0x89, 0x80]) },
    { weight: 1, arbitrary: fc.constant([0x88]) },
    { weight: 1, arbitrary: fc.nat(255).map((byte) => [byte]) },
  );
  const others = fc.record({
    masked: fc.integer({ min: 0, max: 200 }).map((n) => n > 0),
    mask: fc.array(fc.nat(255), { minLength: 4, maxLength: 4 }),
    lengthBits: fc.constantFrom<(7 | 16 | 64)[]>(7, 7, 16, 64),
    payload,
  });
  const frames = firsts.chain((bytes) =>
    fc.tuple(...bytes.map((first) => others.map((rest): Given => ({ first, ...rest }))))
  );
  let messages = 0;
  let failures = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(frames, { maxLength: 8 }),
      fc.array(fc.integer({ min: 1, max: 90 }), { minLength: 1, maxLength: 6 }),
      async (given, lengths) => {
        const chunks = cut(Buffer.concat(given.flat().map(encode)), lengths);
        const ours = readOurs(chunks);
        assert.deepEqual(ours, await readTheirs(chunks));
        messages += ours.filter((line) => line.startsWith("text")).length;
        failures += ours.filter((line) => line.startsWith("failed")).length;
      },
    ),
    { numRuns: 800 },
  );
  assert.ok(messages > 150 && failures > 100, `${messages} messages, ${failures} failures`);
});
