/** What the token of an identity provider says: OIDC and Cloudflare Access JWTs (02-http-and-auth, "Authentication"). No I/O but through `keys`. */
import { errors, type JWTPayload, type JWTVerifyGetKey, jwtVerify } from "jose";

export interface Trust {
  /** `iss`, to the letter */
  readonly issuer: string;
  /** one of `aud` */
  readonly audience: string;
  /** Finds the issuer's key for a token's header. */
  readonly keys: JWTVerifyGetKey;
  /** Lets nobody in whose address it did not verify, and does not say so in each token. */
  readonly verifiesEmail?: boolean;
}

export type Reading =
  /** `subjects`: as whom the issuer knows them, `sub` first; `expires_at` in ms */
  | { readonly is: "vouched"; readonly subjects: readonly string[]; readonly expires_at: number }
  /** signed by the issuer, and over */
  | { readonly is: "expired" }
  | { readonly is: "refused" };

/** Signatures with keys that only the issuer has: with `HS256` whoever knows the public key could sign, with `none` anybody. */
const ALGORITHMS = ["RS256", "ES256", "PS256", "EdDSA"];

const REFUSALS: readonly string[] = [
  errors.JWSInvalid.code,
  errors.JWTInvalid.code,
  errors.JWSSignatureVerificationFailed.code,
  errors.JWTClaimValidationFailed.code,
  errors.JOSEAlgNotAllowed.code,
  errors.JOSENotSupported.code,
  errors.JWKSNoMatchingKey.code,
  errors.JWKSMultipleMatchingKeys.code,
];

/** Whether a bearer has the shape of a JWT; no API token has dots. */
export function looksLikeIdentityToken(text: string): boolean {
  return /^[\w-]+\.[\w-]+\.[\w-]+$/.test(text);
}

/** Signature, algorithm, issuer, audience and times, in this order. @param now ms @throws whatever `keys` throws when the issuer does not answer */
export async function readIdentityToken(
  token: string,
  { issuer, audience, keys, verifiesEmail = false }: Trust,
  now: number,
): Promise<Reading> {
  try {
    const { payload } = await jwtVerify(token, keys, {
      issuer,
      audience,
      algorithms: ALGORITHMS,
      requiredClaims: ["sub", "exp"],
      currentDate: new Date(now),
    });
    const subjects = subjectsOf(payload, verifiesEmail);
    return subjects.length === 0
      ? { is: "refused" }
      : { is: "vouched", subjects, expires_at: (payload.exp ?? 0) * 1000 };
  } catch (thrown) {
    if (thrown instanceof errors.JWTExpired) return { is: "expired" };
    if (thrown instanceof errors.JOSEError && REFUSALS.includes(thrown.code)) return { is: "refused" };
    throw thrown;
  }
}

/** An address that the issuer did not verify may be anybody's. */
function subjectsOf({ sub, email, email_verified }: JWTPayload, verifiesEmail: boolean): string[] {
  return [sub, (email_verified ?? verifiesEmail) === true ? email : undefined].filter(
    (subject): subject is string => typeof subject === "string" && subject !== "",
  );
}
