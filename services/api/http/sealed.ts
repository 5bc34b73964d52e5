/**
 * Encrypts what is kept about a request with the API key that came with it: answers may hold tokens and
 * messages, and whoever reads the stream of answers must not learn them, or forge one. No I/O.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from "node:crypto";

/** AES-256-GCM: the lengths of its key, nonce and tag, bytes. */
const CIPHER = "aes-256-gcm";
const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** Encrypts and decrypts with one key. */
export interface Seal {
  seal(text: string): Uint8Array;
  /** Returns undefined if the data was not sealed with this key. */
  open(data: Uint8Array): string | undefined;
}

/**
 * Returns the seal of a request: `secret` is what its sender showed, `name` tells requests of the sender
 * apart.
 *
 * @example
 * ```ts
 * import { sealOf } from "./sealed.ts";
 * import assert from "node:assert/strict";
 * const sealed = sealOf("key", "order-42").seal("done");
 * assert.equal(sealOf("key", "order-42").open(sealed), "done");
 * assert.equal(sealOf("key", "order-43").open(sealed), undefined);
 * ```
 */
export function sealOf(secret: string, name: string): Seal {
  const key = new Uint8Array(hkdfSync("sha256", secret, "hopwire answer", name, KEY_BYTES));
  return {
    seal(text) {
      const nonce = randomBytes(NONCE_BYTES);
      const cipher = createCipheriv(CIPHER, key, nonce);
      return Buffer.concat([
        nonce,
        cipher.update(text, "utf8"),
        cipher.final(),
        cipher.getAuthTag(),
      ]);
    },
    open(data) {
      if (data.length < NONCE_BYTES + TAG_BYTES) return undefined;
      try {
        const decipher = createDecipheriv(CIPHER, key, data.subarray(0, NONCE_BYTES));
        decipher.setAuthTag(data.subarray(-TAG_BYTES));
        const text = decipher.update(data.subarray(NONCE_BYTES, -TAG_BYTES));
        return Buffer.concat([text, decipher.final()]).toString();
      } catch {
        return undefined;
      }
    },
  };
}
