/** The person whom an identity provider vouches for (02, "Authentication"). */
import type { Env } from "../env.ts";
import { looksLikeIdentityToken, readIdentityToken } from "../users/identity-token.ts";
import { refuse } from "./failure.ts";
import { expired, type Found } from "./known-bearers.ts";
import { trustedProvider } from "./trusted-provider.ts";

/** Tokens of a provider name no workspace, and only root may name another than this. */
const WORKSPACE = "default";

interface Person {
  readonly id: string;
  readonly name: string;
  readonly roles: string;
  readonly active: number;
}

/** `sub` before `email`: people keep the one when the other changes hands. */
const PERSON_OF_SUBJECT = `
  SELECT id, name, roles, active FROM users WHERE workspace = ?1 AND oidc_subject IN (?2, ?3)
  ORDER BY oidc_subject = ?2 DESC LIMIT 1`;

/** Whether this deployment takes a bearer for a provider's token. */
export function isIdentityToken(bearer: string, { OIDC_ISSUER, OIDC_AUDIENCE }: Env): boolean {
  return Boolean(OIDC_ISSUER && OIDC_AUDIENCE) && looksLikeIdentityToken(bearer);
}

/** Ends the request with UNAUTHENTICATED if the provider never said so. Rejects while the provider or D1 fails. @param now ms */
export async function vouchedPerson(bearer: string, env: Env, now: number): Promise<Found> {
  const trust = await trustedProvider(env);
  const reading = trust === undefined ? undefined : await readIdentityToken(bearer, trust, now);
  if (reading?.is === "expired") return expired(WORKSPACE);
  if (reading?.is !== "vouched") {
    return refuse("UNAUTHENTICATED", "this is not a valid token of the identity provider", undefined, {
      "WWW-Authenticate": "Bearer",
    });
  }
  const [subject = "", other = subject] = reading.subjects;
  const person = await env.DB.prepare(PERSON_OF_SUBJECT).bind(WORKSPACE, subject, other).first<Person>();
  if (person === null || person.active !== 1) {
    // Which of both it is, is for the trail alone.
    const message = `no active user has the oidc_subject ${reading.subjects.join(" or ")}`;
    return { dead: person === null ? "unknown" : "inactive", message, workspace: WORKSPACE };
  }
  const { expires_at } = reading;
  const who = { id: person.id, kind: "user", roles: JSON.parse(person.roles) as string[] } as const;
  return {
    principal: { workspace: WORKSPACE, who, name: person.name, scopes: null, root: false, expires_at },
    expires_at,
  };
}
