import { fuzz } from "./fuzz.ts";

Deno.test("hostile frames, bytes, requests and bus messages do no harm", async () => {
  const seed = Math.floor(Math.random() * 1e9);
  try {
    await fuzz({ count: 1_000, seed });
  } catch (error) {
    throw new Error(`seed ${seed}; repeat it with deno task fuzz --count 1000 --seed ${seed}`, {
      cause: error,
    });
  }
});
