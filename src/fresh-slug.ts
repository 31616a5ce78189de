/** Ids for things that nobody gave one. */

const BASE32 = "abcdefghijklmnopqrstuvwxyz234567";
const LENGTH = 10;

/** `{kind}-` and ten characters of base32: 50 random bits, a slug (wire.ts). @param random at least ten bytes */
export function freshSlug(kind: string, random: Uint8Array = crypto.getRandomValues(new Uint8Array(LENGTH))): string {
  const letters = [...random.subarray(0, LENGTH)].map((byte) => BASE32.charAt(byte % BASE32.length));
  return `${kind}-${letters.join("")}`;
}
