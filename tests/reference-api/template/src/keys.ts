// Keys: `ck_live_` and 26 characters of Crockford base32, 130 random bits.

const ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const CHARACTERS = 26;

export const TAG = "ck_live_";

/** A new key. It is shown once; only its peppered hash and its prefix are kept. */
export function generateKey(): string {
  // 26 characters of 5 bits take 130 bits, so 17 bytes: 16 would leave the last character with three random bits.
  const bytes = crypto.getRandomValues(new Uint8Array(17));
  return TAG + base32(bytes);
}

function base32(bytes: Uint8Array): string {
  let text = "";
  let held = 0;
  let bits = 0;
  for (const byte of bytes) {
    held = (held << 8) | byte;
    bits += 8;
    while (bits >= 5 && text.length < CHARACTERS) {
      bits -= 5;
      text += ALPHABET[(held >> bits) & 31];
    }
    held &= (1 << bits) - 1;
  }
  return text;
}

/** SHA-256 over the pepper and the key, in hexadecimal. */
export async function hashKey(pepper: string, key: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(pepper + key));
  return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** The characters after the tag that are stored in clear. */
export function prefixOf(key: string): string {
  return key.slice(TAG.length, TAG.length + 8);
}
