import assert from "node:assert/strict";
import { until } from "../../../tests/harness/wait.ts";
import { apiKeysText, createApiKey, createLogger } from "../../kit/mod.ts";
import { createKeyring } from "./keyring.ts";

async function withFile(
  play: (file: string, write: (text: string) => Promise<void>) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "hopwire-keys-" });
  const file = `${folder}/keys.json`;
  try {
    await play(file, async (text) => {
      await Deno.writeTextFile(`${file}.new`, text);
      await Deno.rename(`${file}.new`, file);
    });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const lines: string[] = [];
const log = createLogger("test", { write: (line) => void lines.push(line) });
const knows = (keyring: ReturnType<typeof createKeyring>, key: string) => {
  try {
    return keyring.authenticate(`Bearer ${key}`).name;
  } catch {
    return null;
  }
};

Deno.test("keys appear and disappear with the file, without a restart", () =>
  withFile(async (file, write) => {
    const [one, two] = ["one", "two"].map((name) => createApiKey({ name, scopes: ["stats"] }));
    const keyring = createKeyring(file, log, { checkMs: 10 });
    try {
      assert.equal(knows(keyring, one!.key), null);
      await write(apiKeysText([one!.entry]));
      await until("the first key", () => knows(keyring, one!.key) === "one");
      await write(apiKeysText([two!.entry]));
      await until("the second key", () => knows(keyring, two!.key) === "two");
      assert.equal(knows(keyring, one!.key), null);
      // What cannot be read changes nothing.
      await write("{");
      await until("a line about it", () => lines.some((line) => line.includes("not JSON")));
      assert.equal(knows(keyring, two!.key), "two");
      await Deno.remove(file);
      await until("no key", () => knows(keyring, two!.key) === null);
    } finally {
      keyring.close();
    }
  }));

Deno.test("a key is refused when it is wrong or has expired", () =>
  withFile(async (file, write) => {
    let now = 1_000;
    const { key, entry } = createApiKey({ name: "one", scopes: [], expiresAt: 2_000 }, now);
    await write(apiKeysText([entry]));
    const keyring = createKeyring(file, log, { now: () => now });
    try {
      assert.equal(keyring.authenticate(`bearer ${key} `), keyring.authenticate(`Bearer ${key}`));
      const wrong = `${key.slice(0, -1)}${key.endsWith("A") ? "E" : "A"}`;
      for (const given of [undefined, "", key, "Bearer", `Basic ${key}`]) {
        assert.throws(() => keyring.authenticate(given), /send an API key/);
      }
      for (const given of [wrong, "hw_x_y", key.replace(entry.id, "0".repeat(12)), entry.hash]) {
        assert.throws(() => keyring.authenticate(`Bearer ${given}`), /unknown API key/);
      }
      now = 2_000;
      assert.throws(() => keyring.authenticate(`Bearer ${key}`), /has expired/);
    } finally {
      keyring.close();
    }
  }));

Deno.test("a file that is invalid at the start is an error that does not quote it", () =>
  withFile(async (file, write) => {
    await write('{"keys":[{"id":"a","hash":"hw_secret"}]}');
    assert.throws(() => createKeyring(file, log), (error: Error) => {
      assert.match(error.message, /^API_KEYS_FILE: .*keys\.0\./);
      assert.doesNotMatch(error.message, /hw_secret/);
      return true;
    });
  }));
