/**
 * Replies that are JSON already.
 *
 * @module
 */

/** A reply that is JSON already, for large ones. The handler vouches that it matches the schema. */
export class EncodedReply {
  /** The reply's JSON. */
  readonly json: string;

  /** Wraps JSON that is ready to be sent. */
  constructor(json: string) {
    this.json = json;
  }
}
