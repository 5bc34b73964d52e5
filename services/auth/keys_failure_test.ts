/** Key sets from an HTTP server that fails, hangs or answers something else, and recovers. */
import { exportJWK } from "jose";
import assert from "node:assert/strict";
import { until, within } from "../../tests/harness/wait.ts";
import { MAX_JWKS_BYTES } from "./keys.ts";
import { EAGER, startIssuer } from "./test_issuer.ts";
import { generateKeys, refusal, sign } from "./test_tokens.ts";

const a = await generateKeys("RS256");
const b = await generateKeys("RS256");

const signA = () => sign(a.privateKey, {}, { alg: "RS256", kid: "a" });
const signB = () => sign(b.privateKey, {}, { alg: "RS256", kid: "b" });

/** Asserts that a verification is refused as unavailable, with a time to retry after. */
async function assertUnavailable(verification: Promise<unknown>): Promise<void> {
  const { code, message, retryAfter } = await refusal(verification);
  assert.deepEqual([code, message], ["unavailable", "Temporarily unavailable: key set"]);
  assert.ok(retryAfter !== undefined && retryAfter >= 0);
}

Deno.test("verification is unavailable while the issuer is down, and recovers", async () => {
  await using issuer = await startIssuer();
  const { verify } = issuer;
  await issuer.publish({ a: a.publicKey });
  await issuer.stop();
  await assertUnavailable(verify(await signA()));
  await assertUnavailable(verify(await signA()));
  issuer.start();
  await verify(await signA());
  assert.equal(issuer.lines.filter((line) => line.includes("cannot fetch the key set")).length, 1);
  assert.equal(issuer.lines.filter((line) => line.includes("fetched the key set again")).length, 1);
});

Deno.test("while the issuer is down, known keys verify and unknown keys are unavailable", async () => {
  await using issuer = await startIssuer();
  await issuer.publish({ a: a.publicKey });
  await issuer.verify(await signA());
  await issuer.stop();
  await issuer.verify(await signA());
  await assertUnavailable(issuer.verify(await signB()));
  await issuer.verify(await signA());
});

Deno.test("a set that is too old is not trusted while the issuer is down", async () => {
  await using issuer = await startIssuer({ ...EAGER, maxAge: 0 });
  await issuer.publish({ a: a.publicKey });
  await issuer.verify(await signA());
  await issuer.stop();
  await assertUnavailable(issuer.verify(await signA()));
});

Deno.test("after a failed fetch the issuer gets no requests for a while", async () => {
  const token = await signA();
  const down = () => new Response("busy", { status: 503 });
  await using issuer = await startIssuer({ pause: 600_000 });
  issuer.answer = down;
  await Promise.all(Array.from({ length: 50 }, () => assertUnavailable(issuer.verify(token))));
  const { retryAfter } = await refusal(issuer.verify(token));
  assert.ok(retryAfter! > 0 && retryAfter! <= 600_000, `${retryAfter}`);
  assert.equal(issuer.requests, 1);

  await using patient = await startIssuer({ pause: 50 });
  patient.answer = down;
  await assertUnavailable(patient.verify(token));
  await patient.publish({ a: a.publicKey });
  await until("the pause to end", () => patient.verify(token).then(() => true, () => false));
});

Deno.test("verification is unavailable if the issuer does not answer in time", async () => {
  await using issuer = await startIssuer({ ...EAGER, fetchTimeout: 50 });
  const { promise, resolve } = Promise.withResolvers<Response>();
  issuer.answer = () => promise;
  // Shorter than jose's own 5 s.
  await within("a verification", assertUnavailable(issuer.verify(await signA())), 4_000);
  resolve(Response.json({ keys: [] }));
  // The headers arrive, but the body does not end.
  const bodies: ReadableStreamDefaultController[] = [];
  issuer.answer = () =>
    new Response(
      new ReadableStream({
        start(controller) {
          controller.enqueue(new TextEncoder().encode('{"keys":['));
          bodies.push(controller);
        },
      }),
    );
  await assertUnavailable(issuer.verify(await signA()));
  assert.equal(bodies.length, 1);
});

Deno.test("verification is unavailable if the response is not a key set", async () => {
  await using issuer = await startIssuer();
  const elsewhere = { location: "https://issuer.example/jwks" };
  const answers = [
    () => new Response("no", { status: 404 }),
    () => new Response(null, { status: 204 }),
    () => new Response(null, { status: 302, headers: elsewhere }),
    () => new Response(""),
    () => new Response("<html>"),
    () => Response.json([]),
    () => Response.json({}),
    () => Response.json({ keys: {} }),
    () => Response.json({ keys: ["a"] }),
    () => new Response(new Uint8Array([0xff, 0xfe])),
  ];
  for (const answer of answers) {
    issuer.answer = answer;
    await assertUnavailable(issuer.verify(await signA()));
  }
  await issuer.publish({ a: a.publicKey });
  await issuer.verify(await signA());
});

Deno.test("a set may have 256 KiB, and reading stops there", async () => {
  await using issuer = await startIssuer();
  const key = { ...await exportJWK(a.publicKey), kid: "a", pad: "" };
  const bare = JSON.stringify({ keys: [key] }).length;
  const answer = (size: number) => () =>
    Response.json({ keys: [{ ...key, pad: "x".repeat(size - bare) }] });
  issuer.answer = answer(MAX_JWKS_BYTES + 1);
  await assertUnavailable(issuer.verify(await signA()));
  issuer.answer = answer(MAX_JWKS_BYTES);
  await issuer.verify(await signA());

  await using endless = await startIssuer();
  let cancelled = false;
  endless.answer = () =>
    new Response(
      new ReadableStream({
        pull: (controller) => controller.enqueue(new Uint8Array(65_536).fill(32)),
        cancel: () => void (cancelled = true),
      }),
    );
  await assertUnavailable(endless.verify(await signA()));
  await until("the response to be cancelled", () => cancelled);
});
