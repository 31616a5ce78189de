/** Bearers that this isolate looked up lately, and how long that is good for (02, "Authentication"). */
import type { DeadToken } from "../audit/failed-logins.ts";
import { causeOf, log } from "../log.ts";
import type { Access, Principal } from "./access.ts";
import { RequestFailure, refuse } from "./failure.ts";

/** A revoked token dies within this everywhere. */
const CACHE_MS = 30_000;
/** While D1 fails, how long a validated token keeps leases alive. */
const OUTAGE_MS = 15 * 60_000;
const CACHE_ENTRIES = 10_000;

/** Whom a bearer stands for and until when (ms); or why it is no good, and in which workspace if that is known. */
export type Found =
  | { readonly principal: Principal; readonly expires_at: number }
  | { readonly dead: DeadToken; readonly message: string; readonly workspace?: string };

interface Known {
  readonly principal: Principal;
  readonly expires_at: number;
  readonly validated_at: number;
}

/** Where a bearer is looked up. Whatever they throw but a RequestFailure is an outage. */
interface Sources {
  /** Ends the request by a RequestFailure if the bearer is nothing at all. */
  readonly look: () => Promise<Found>;
  /** Without D1: whom a bearer stands for now that stood for this one before. */
  readonly confirm: (known: Principal) => Promise<Found>;
}

/**
 * By bearer, per isolate, never written anywhere: to hash it at each request cost more than the rest of the look-up. Only ever holds
 * principals that D1 confirmed, or the configuration journal after it.
 */
const cache = new Map<string, Known>();

/**
 * What is known of a bearer, else what `look` finds. In an outage, who was known before may keep leases alive and, once
 * confirmed, read what needs no D1; nobody else comes in.
 * @param now ms
 */
export async function knownBearer(
  bearer: string,
  access: Access,
  now: number,
  { look, confirm }: Sources,
): Promise<Found> {
  const known = cache.get(bearer);
  if (known !== undefined && known.expires_at <= now) return expired(known.principal.workspace);
  if (known !== undefined && !access.fresh && now - known.validated_at < CACHE_MS) return known;
  let found: Found;
  try {
    found = await look();
  } catch (thrown) {
    if (thrown instanceof RequestFailure) throw thrown;
    if (access.survivesOutage && known !== undefined && now - known.validated_at < OUTAGE_MS) return known;
    log("error", "principal.unreadable", { cause: causeOf(thrown) });
    if (!access.needsNoDatabase || known === undefined) return unavailable();
    found = await confirm(known.principal).catch((unconfirmed: unknown) => {
      log("error", "principal.unconfirmed", { cause: causeOf(unconfirmed) });
      return unavailable();
    });
  }
  cache.delete(bearer);
  if ("dead" in found) return found;
  if (cache.size >= CACHE_ENTRIES) cache.delete(cache.keys().next().value ?? "");
  cache.set(bearer, { ...found, validated_at: now });
  return found;
}

function unavailable(): never {
  return refuse("UNAVAILABLE", "who you are cannot be looked up now, try again", { retry_after_seconds: 2 });
}

export function expired(workspace: string): Found {
  return { dead: "expired", message: "this token has expired", workspace };
}
