// Envelope encryption: each account has a data key, and the master key wraps the data keys.
import { createHmac, hkdfSync, randomBytes, randomUUID } from "node:crypto";
import { open, seal } from "./envelope.mjs";

const MASTER = "master";

/** A new data key: its id, its bytes, and what of it is stored. */
export function newDataKey(masterKey) {
  const id = randomUUID();
  const key = randomBytes(32);
  return { id, key, wrapped: seal(masterKey, MASTER, id, key) };
}

/** What encrypts and decrypts for one account, for as long as one request takes. */
export class Vault {
  #id;
  #key;

  constructor(masterKey, dataKey) {
    this.#id = dataKey.id;
    this.#key = open(masterKey, MASTER, dataKey.id, dataKey.wrapped);
  }

  /** The envelope of a text that belongs to a column of a row. */
  seal(column, row, text) {
    return seal(this.#key, this.#id, `${column}:${row}`, Buffer.from(text));
  }

  /** The text of an envelope. */
  open(column, row, envelope) {
    return open(this.#key, this.#id, `${column}:${row}`, envelope).toString();
  }

  /** By what a name is found again: a hash that nobody can make without the data key. */
  index(environment, name) {
    const key = Buffer.from(hkdfSync("sha256", this.#key, Buffer.alloc(0), "name index", 32));
    return createHmac("sha256", key).update(`${environment}:${name}`).digest("hex");
  }
}
