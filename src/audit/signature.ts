/** Ed25519 signatures (RFC 8032) over canonical JSON, by the platform's WebCrypto: the same in workerd and in Node. */
import { canonicalJson } from "../actor/journal.ts";

/** A workspace's key, as its ledger keeps it. `x` is the public half, base64url. */
export interface SigningKey {
  readonly kty: "OKP";
  readonly crv: "Ed25519";
  readonly x: string;
  readonly d: string;
}

const ALGORITHM = { name: "Ed25519" };

export async function newSigningKey(): Promise<SigningKey> {
  const pair = await crypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
  if (!("privateKey" in pair)) throw new Error("not a pair of keys");
  const jwk = await crypto.subtle.exportKey("jwk", pair.privateKey);
  if (!("x" in jwk && "d" in jwk) || jwk.x === undefined || jwk.d === undefined) throw new Error("not a key");
  return { kty: "OKP", crv: "Ed25519", x: jwk.x, d: jwk.d };
}

/** base64url */
export async function signed(key: SigningKey, value: unknown): Promise<string> {
  const imported = await crypto.subtle.importKey("jwk", key, ALGORITHM, false, ["sign"]);
  return Buffer.from(await crypto.subtle.sign(ALGORITHM, imported, bytesOf(value))).toString("base64url");
}

/** Whether the holder of this public key (base64url) signed exactly this value; false for what is no key or no signature. */
export async function isSigned(publicKey: string, value: unknown, signature: string): Promise<boolean> {
  try {
    const key = { kty: "OKP", crv: "Ed25519", x: publicKey };
    const imported = await crypto.subtle.importKey("jwk", key, ALGORITHM, false, ["verify"]);
    return await crypto.subtle.verify(ALGORITHM, imported, Buffer.from(signature, "base64url"), bytesOf(value));
  } catch {
    return false;
  }
}

function bytesOf(value: unknown): Buffer<ArrayBuffer> {
  return Buffer.from(canonicalJson(value));
}
