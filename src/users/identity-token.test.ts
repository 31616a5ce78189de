import { createLocalJWKSet, exportJWK, exportSPKI, generateKeyPair, type JWTPayload, SignJWT } from "jose";
import { beforeAll, describe, expect, it } from "vitest";
import { looksLikeIdentityToken, readIdentityToken, type Trust } from "./identity-token.ts";

const ISSUER = "https://id.example/";
const NOW = Date.parse("2090-01-01T00:00:00.000Z");
const SECONDS = NOW / 1000;

let own: CryptoKeyPair;
let stranger: CryptoKeyPair;
let trust: Trust;
beforeAll(async () => {
  [own, stranger] = await Promise.all([generateKeyPair("ES256", { extractable: true }), generateKeyPair("ES256")]);
  const key = { ...(await exportJWK(own.publicKey)), kid: "now", alg: "ES256" };
  trust = { issuer: ISSUER, audience: "countersign", keys: createLocalJWKSet({ keys: [key] }) };
});

const claims = { iss: ISSUER, aud: ["other", "countersign"], sub: "u-1", exp: SECONDS + 60 };

const signed = (payload: JWTPayload, key: CryptoKey | Uint8Array = own.privateKey, header = {}) =>
  new SignJWT(payload).setProtectedHeader({ alg: "ES256", kid: "now", ...header }).sign(key);

const read = async (token: string | Promise<string>) => readIdentityToken(await token, trust, NOW);

describe("a token of the identity provider", () => {
  it("vouches for its subject, and for an address only if the provider verified it", async () => {
    const expires_at = NOW + 60_000;
    expect(await read(signed(claims))).toEqual({ is: "vouched", subjects: ["u-1"], expires_at });
    const known = { ...claims, email: "ada@example.com", email_verified: true };
    expect(await read(signed(known))).toEqual({ is: "vouched", subjects: ["u-1", "ada@example.com"], expires_at });
    for (const email_verified of [false, "true", undefined]) {
      expect(await read(signed({ ...known, email_verified }))).toMatchObject({ subjects: ["u-1"] });
    }
  });

  it("of a provider that verifies every address needs not say so, and may say that it did not", async () => {
    const access = { ...trust, verifiesEmail: true };
    const known = { ...claims, email: "ada@example.com" };
    const subjects = async (payload: JWTPayload) => readIdentityToken(await signed(payload), access, NOW);
    expect(await subjects(known)).toMatchObject({ subjects: ["u-1", "ada@example.com"] });
    expect(await subjects({ ...known, email_verified: false })).toMatchObject({ subjects: ["u-1"] });
  });

  it.each<[string, object]>([
    ["from another issuer", { iss: "https://id.example" }],
    ["for another audience", { aud: "somebody-else" }],
    ["that is not yet valid", { nbf: SECONDS + 1 }],
    ["without an end", { exp: undefined }],
    ["without a subject", { sub: undefined }],
    ["of a service, which has an empty subject", { sub: "" }],
  ])("%s is refused", async (_, change) => {
    expect(await read(signed({ ...claims, ...change }))).toEqual({ is: "refused" });
  });

  it("is over at its end, to the second; a forged one is refused even then", async () => {
    const over = { ...claims, exp: SECONDS };
    expect(await read(signed(over))).toEqual({ is: "expired" });
    expect(await read(signed(over, stranger.privateKey))).toEqual({ is: "refused" });
  });

  it("is refused when anybody could have signed it", async () => {
    const known = new TextEncoder().encode(await exportSPKI(own.publicKey));
    const encoded = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
    const none = `${encoded({ alg: "none" })}.${encoded(claims)}.AA`;
    const [head, body, signature] = (await signed(claims)).split(".");
    const forged = [
      signed(claims, stranger.privateKey),
      signed(claims, known, { alg: "HS256" }),
      signed(claims, own.privateKey, { kid: "unknown" }),
      none,
      `${head}.${encoded({ ...claims, sub: "root" })}.${signature}`,
      `${head}.${body}.AA`,
      "a.b.c",
    ];
    for (const token of forged) expect(await read(token)).toEqual({ is: "refused" });
  });

  it("is not judged while the provider's keys cannot be had", async () => {
    const keys = () => Promise.reject(new TypeError("fetch failed"));
    await expect(readIdentityToken(await signed(claims), { ...trust, keys }, NOW)).rejects.toThrow("fetch failed");
  });

  it("is told by its form, which no token of ours has", () => {
    expect(["a.b.c", "eyJh-_.e30.x"].map(looksLikeIdentityToken)).toEqual([true, true]);
    expect(["cs_abc", "a.b", "a.b.c.d", "a..c", "a.b.c ", ""].map(looksLikeIdentityToken)).not.toContain(true);
  });
});
