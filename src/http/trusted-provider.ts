/** The identity provider of this deployment: where its keys are, fetched when they are needed (02, "Authentication"). */
import { createRemoteJWKSet } from "jose";
import type { Env } from "../env.ts";
import type { Trust } from "../users/identity-token.ts";
import { z } from "../zod.ts";

/** Nobody waits longer for the provider (ms). */
const PATIENCE_MS = 5_000;

/** Per isolate, by issuer. Holds what was found and never what is under way: a request cannot wait for the I/O of another. */
const keySets = new Map<string, Trust["keys"]>();

/** Whom `OIDC_ISSUER` and `OIDC_AUDIENCE` tell to trust; undefined unless both are set. */
export async function trustedProvider(env: Env): Promise<Trust | undefined> {
  const { OIDC_ISSUER: issuer, OIDC_AUDIENCE: audience } = env;
  if (!issuer || !audience) return undefined;
  const keys = keySets.get(issuer) ?? createRemoteJWKSet(await keysUrl(issuer), { timeoutDuration: PATIENCE_MS });
  keySets.set(issuer, keys);
  return { issuer, audience, keys, verifiesEmail: isAccess(issuer) };
}

const Discovery = z.lazy(() => z.object({ issuer: z.string(), jwks_uri: z.url() }));

/** Cloudflare Access has its keys at one place; everybody else tells theirs (OpenID Connect Discovery 1.0, section 4). */
async function keysUrl(issuer: string): Promise<URL> {
  const base = issuer.replace(/\/$/, "");
  if (isAccess(issuer)) return new URL(`${base}/cdn-cgi/access/certs`);
  const response = await fetch(`${base}/.well-known/openid-configuration`, {
    signal: AbortSignal.timeout(PATIENCE_MS),
  });
  if (!response.ok) throw new Error(`the discovery document of ${issuer} is answered with ${response.status}`);
  const found = Discovery.parse(await response.json());
  if (found.issuer !== issuer) throw new Error(`OIDC_ISSUER is ${issuer}, but it calls itself ${found.issuer}`);
  return new URL(found.jwks_uri);
}

function isAccess(issuer: string): boolean {
  return new URL(issuer).hostname.endsWith(".cloudflareaccess.com");
}
