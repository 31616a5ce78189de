/** Where to call and as whom: flags go before the environment, that before the stored profile. */

import { EXIT } from "../terminal/exit-code.ts";
import { CliFailure, usage } from "../terminal/told-failure.ts";
import type { StoredProfiles } from "./stored-profiles.ts";

const DEFAULT_URL = "http://127.0.0.1:8787";

export interface Wanted {
  readonly url?: string | undefined;
  readonly workspace?: string | undefined;
  readonly profile?: string | undefined;
}

export interface Connection {
  readonly url: string;
  readonly token: string | undefined;
  readonly workspace: string | undefined;
  /** Why there is no token, although one is stored. */
  readonly withheld?: string;
}

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * A stored token goes nowhere but to the server that it was stored for: with another URL it is withheld.
 * @throws CliFailure for a profile that is not stored, or no http(s) URL
 */
export function connectionOf(stored: StoredProfiles, env: Environment, wanted: Wanted): Connection {
  const name = wanted.profile ?? (env.COUNTERSIGN_PROFILE || undefined) ?? stored.current;
  const profile = Object.hasOwn(stored.profiles, name) ? stored.profiles[name] : undefined;
  if (profile === undefined && name !== stored.current) {
    throw usage(`there is no profile ${name}`, `countersign login --profile ${name} makes it`);
  }
  const url = serverUrl(wanted.url ?? (env.COUNTERSIGN_URL || undefined) ?? profile?.url ?? DEFAULT_URL);
  const workspace = wanted.workspace ?? (env.COUNTERSIGN_WORKSPACE || undefined) ?? profile?.workspace;
  const own = env.COUNTERSIGN_TOKEN || undefined;
  if (own !== undefined || profile === undefined) return { url, workspace, token: own };
  if (serverUrl(profile.url) === url) return { url, workspace, token: profile.token };
  return { url, workspace, token: undefined, withheld: `the token of profile ${name} is for ${profile.url}` };
}

/** @throws CliFailure if there is none, or what is no token: what to do about it */
export function tokenOf({ token, url, withheld }: Connection): string {
  if (token !== undefined) return sound(token);
  const why = withheld === undefined ? "you are not logged in" : `no token for ${url}: ${withheld}`;
  throw new CliFailure("UNAUTHENTICATED", EXIT.denied, why, "run `countersign login`, or set COUNTERSIGN_TOKEN");
}

/** No header carries anything else: sent, it would look like a server that does not answer. */
function sound(token: string): string {
  const trimmed = token.trim();
  if (/^[\x21-\x7e]+$/.test(trimmed)) return trimmed;
  const advice = "paste it whole: letters, digits and signs on one line";
  throw new CliFailure("UNAUTHENTICATED", EXIT.denied, "this is no token: no token holds such characters", advice);
}

/** Without the base path and trailing slashes. */
export function serverUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol)) throw usage(`${text} is no http or https URL`);
  return `${url.origin}${url.pathname.replace(/\/+$/, "").replace(/\/api\/v1$/, "")}`;
}
