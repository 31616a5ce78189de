/**
 * The lock as its clients may rely on it, one act at a time: an owner-aware, fenced shared/exclusive mutex whose leases end
 * at a known moment (04-locks-and-deadlocks, rules 1–6). For tests only.
 *
 * It is written from the rules alone and shares nothing with the lock book. It does not ask who of several waiters comes
 * next: FIFO is no part of linearizability, as who asked first is not a matter of what the lock's states are.
 */
import type { LockMode } from "../lock-types.ts";
import type { Operation, SequentialModel } from "./linearizable.ts";
import type { Act, ActsOfLock, Asking, Granting, Span } from "./lock-acts.ts";
import { agentOf, type Sighting } from "./lock-history.ts";

interface Entry {
  readonly session: string;
  /** null: nobody was told yet */
  readonly id: string | null;
  readonly mode: LockMode;
  readonly ttl_ms: Span;
}

/** Each span is the window in which it ends; as soon as somebody sees when, the window is that moment. */
interface Claim extends Entry {
  readonly deadline: Span;
}

interface Lease extends Entry {
  readonly token: number;
  readonly ends: Span;
  readonly upgrade?: { readonly ttl_ms: Span; readonly deadline: Span };
}

/** At most one entry for each session, ordered by session. */
export interface LockState {
  /** the highest that was handed out */
  readonly token: number;
  readonly entries: readonly (Claim | Lease)[];
  /** It was no earlier by the lock's clock (ms). */
  readonly now: number;
}

/** A state in the making: the act happens between `now` and `until`, and what is found out narrows that. */
interface Moment extends LockState {
  readonly until: number;
}

export interface LockModelOptions {
  /** The lock's first token is one more. */
  readonly token?: number;
  /** How far the clocks of lock and clients may be apart (ms). */
  readonly tolerance_ms?: number;
}

/** The wait of one who is granted as it asks: no time passes that could be too long. */
const FOREVER: Span = { from: Number.POSITIVE_INFINITY, until: Number.POSITIVE_INFINITY };

/** The model for one lock's acts. `tokens`: who is known to have got which, from `actsOf`. */
export function lockModel(
  tokens: ActsOfLock["tokens"],
  { token = 0, tolerance_ms = 0 }: LockModelOptions = {},
): SequentialModel<LockState, Act> {
  return {
    initial: { token, entries: [], now: Number.NEGATIVE_INFINITY },
    key: (state) => JSON.stringify(state),
    matters(state, act) {
      if ("id" in act) return state.entries.some(({ id }) => id === act.id);
      return act.do !== "ask untold" || !act.refused || state.entries.some(({ session }) => session === act.session);
    },
    step(state, { act, from, until }: Operation<Act>) {
      const now = Math.max(state.now, from - tolerance_ms);
      const moment: Moment = { ...state, now, until: until + tolerance_ms };
      if (moment.now > moment.until) return [];
      return carriedOut(moment, act, tokens)
        .map((after) => (act.seen === undefined ? after : confirmed(after, act.seen)))
        .filter((after) => after !== undefined)
        .map(({ until: _, ...after }) => after);
    },
  };
}

function carriedOut(m: Moment, act: Act, tokens: ActsOfLock["tokens"]): Moment[] {
  switch (act.do) {
    case "ask":
      return asked(m, act);
    case "take":
      return asked(m, { ...act, wait_ms: FOREVER }).flatMap((after) =>
        some(granted(after, act.session, act, act.token)),
      );
    case "ask untold":
      return askedUntold(m, act, tokens);
    case "grant": {
      const entry = entryOf(m, act.session);
      if (entry === undefined || !isNamed(entry, act.id)) return [];
      const token = act.token ?? untoldToken(m, act.session, tokens);
      return some(granted(put(m, { ...entry, id: act.id }), act.session, act, token));
    }
    case "reenter": {
      const entry = entryOf(m, act.session);
      if (!entry || !isLease(entry) || !isNamed(entry, act.id) || !covers(entry.mode, act.mode)) return [];
      return some(extended(m, { ...entry, id: act.id }, act.ttl_ms));
    }
    case "refused":
      return refused(m, act);
    case "beat":
      return owned(m, act).flatMap((entry) => (isLease(entry) ? some(extended(m, entry, act.ttl_ms)) : [m]));
    case "end":
      return owned(m, act).flatMap((entry) => some(alive(m, entry)).map((after) => without(after, entry)));
    case "weaken":
      return owned(m, act).flatMap((entry) => some(alive(m, entry)).map((after) => put(after, weakened(entry))));
    case "deny":
      return owned(m, act).length > 0 ? [] : [m];
    case "abort":
      return named(m, act.id).map((entry) => without(m, entry));
    case "look":
      return [m];
    case "gone": {
      const [entry] = named(m, act.id);
      if (entry === undefined) return [m];
      return isLease(entry) === act.expired ? some(over(m, entry)) : [];
    }
    case "verify":
      return m.token === act.highest ? some(verified(m, act.token, act.current)) : [];
  }
}

// --- asking

/** The session has asked and waits, unless it can have been granted in this moment. Both ways if its last entry may be over. */
function asked(m: Moment, { session, id, creates, mode, modes, ttl_ms, wait_ms }: Asking): Moment[] {
  const entry = entryOf(m, session);
  const again = entry && isNamed(entry, id) ? some(alive(m, entry)) : [];
  const fresh = creates ? some(entry ? over(m, entry) : m) : [];
  return [
    ...again.flatMap((after) => (entry ? [wanting(after, { ...entry, id }, mode, ttl_ms, wait_ms)] : [])),
    ...fresh.flatMap((after) => modes.map((one) => put(after, claimed(after, session, id, one, ttl_ms, wait_ms)))),
  ];
}

/** All that may have come of asking. A first claim that only waits is left out: until it is granted it changes nothing. */
function askedUntold(m: Moment, act: Extract<Act, { do: "ask untold" }>, tokens: ActsOfLock["tokens"]): Moment[] {
  const { session, mode, ttl_ms, wait_ms } = act;
  const token = act.refused ? undefined : untoldToken(m, session, tokens);
  const grantedNow = (asking: Moment) => some(granted(asking, session, {}, token));
  const entry = entryOf(m, session);
  const fresh = (entry ? some(over(m, entry)) : [m]).flatMap((after) =>
    grantedNow(put(after, claimed(after, session, null, mode, ttl_ms, FOREVER))),
  );
  const living = entry && alive(m, entry);
  if (!living) return fresh;
  if (covers(entry.mode, mode)) {
    return [...fresh, ...(isLease(entry) ? some(extended(m, entry, ttl_ms)) : grantedNow(living))];
  }
  const now = grantedNow(wanting(living, entry, mode, ttl_ms, FOREVER));
  return [...fresh, ...now, wanting(living, entry, mode, ttl_ms, wait_ms)];
}

function claimed(m: Moment, session: string, id: string | null, mode: LockMode, ttl_ms: Span, wait_ms: Span): Claim {
  return { session, id, mode, ttl_ms, deadline: sum(m, wait_ms) };
}

/** The entry asks for this mode too. */
function wanting(m: Moment, entry: Claim | Lease, mode: LockMode, ttl_ms: Span, wait_ms: Span): Moment {
  if (covers(entry.mode, mode)) return put(m, entry);
  if (!isLease(entry)) return put(m, { ...entry, mode });
  const deadline = sum(m, wait_ms);
  // One that it waits for already may have been over by now: then this is another.
  const upgrade = entry.upgrade
    ? { ttl_ms: hull(entry.upgrade.ttl_ms, ttl_ms), deadline: hull(entry.upgrade.deadline, deadline) }
    : { ttl_ms, deadline };
  return put(m, { ...entry, upgrade });
}

/** Rule 1: only a conflicting holder, or a writer that already waits, is a reason to be refused. */
function refused(m: Moment, { session, mode, by }: Extract<Act, { do: "refused" }>): Moment[] {
  const own = entryOf(m, session);
  const holds = own && isLease(own) && covers(own.mode, mode);
  const wants = own && !isLease(own) ? strongest(own.mode, mode) : mode;
  return some(holds ? over(m, own) : m).flatMap((start) =>
    start.entries
      .filter((entry) => entry.session !== session && (by === undefined || isNamed(entry, by)))
      .filter((entry) => isInTheWay(entry, wants))
      .flatMap((entry) => some(alive(start, entry))),
  );
}

function isInTheWay(entry: Claim | Lease, mode: LockMode): boolean {
  if (isLease(entry) && mode === "exclusive") return true;
  return entry.mode === "exclusive" || (isLease(entry) && entry.upgrade !== undefined);
}

// --- granting

/** Rules 1, 3, 4 and 5: nobody who conflicts is alive, nor the claim's wait over; the token is the next one. */
function granted(start: Moment, session: string, { at }: Granting, token: number | undefined): Moment | undefined {
  const entry = entryOf(start, session);
  if (entry === undefined || token !== start.token + 1) return undefined;
  const wish = isLease(entry) ? entry.upgrade : { ttl_ms: entry.ttl_ms, deadline: entry.deadline };
  if (wish === undefined) return undefined;
  // What the lock says of when the session came to hold it; an upgrade does not change that.
  const said = isLease(entry) || at === undefined ? start : narrowed(start, { from: at, until: at });
  const inTime = said && before(said, wish.deadline);
  const mode = isLease(entry) ? "exclusive" : entry.mode;
  const rivals = start.entries.filter(
    (other) => other !== entry && isLease(other) && (mode === "exclusive" || other.mode === "exclusive"),
  );
  const free = rivals.reduce<Moment | undefined>((m, rival) => m && over(m, rival), inTime);
  if (free === undefined) return undefined;
  const span = sum(free, wish.ttl_ms);
  const { id, ttl_ms } = entry;
  const ends = isLease(entry) ? later(entry.ends, span) : span;
  return { ...put(free, { session, id, mode, ttl_ms, token, ends }), token };
}

/** The next token, unless somebody else is known to have got it. */
function untoldToken(m: Moment, session: string, tokens: ActsOfLock["tokens"]): number | undefined {
  const known = tokens.get(m.token + 1);
  return known === undefined || (known.session === session && !known.certain) ? m.token + 1 : undefined;
}

/** Rule 5: only the living are extended, and never to an earlier end. */
function extended(m: Moment, lease: Lease, ttl_ms: Span): Moment | undefined {
  const living = alive(m, lease);
  return living && put(living, { ...lease, ends: later(lease.ends, sum(living, ttl_ms)) });
}

function weakened(entry: Claim | Lease): Claim | Lease {
  if (!isLease(entry)) return { ...entry, mode: "shared" };
  const { upgrade: _, ...lease } = entry;
  return { ...lease, mode: "shared" };
}

function verified(m: Moment, token: number, current: boolean): Moment | undefined {
  const lease = m.entries.find((entry) => isLease(entry) && entry.token === token);
  if (lease === undefined) return current ? undefined : m;
  return current ? alive(m, lease) : over(m, lease);
}

// --- what an answer says

/** The state if it can be as the answer shows it, with the ends of leases as exact as the answer made them. */
function confirmed(start: Moment, seen: Sighting): Moment | undefined {
  const held = holdersConfirmed(start, seen);
  const [entry] = held ? named(held, seen.id) : [];
  if (held === undefined || entry === undefined) return undefined;
  if (isLease(entry) !== (seen.status === "held") || entry.mode !== seen.mode) return undefined;
  const living = alive(held, entry);
  if (living === undefined || !isLease(entry)) return living;
  if (entry.token !== seen.token) return undefined;
  const timed = seen.ends_at === undefined ? living : endingAt(living, entry, seen.ends_at);
  return timed && upgradeConfirmed(timed, entry.session, seen.upgrading ?? false);
}

/** An upgrade that is shown no more has waited long enough. */
function upgradeConfirmed(m: Moment, session: string, upgrading: boolean): Moment | undefined {
  const lease = entryOf(m, session);
  if (lease === undefined || !isLease(lease)) return undefined;
  const { upgrade, ...rest } = lease;
  if ((upgrade !== undefined) === upgrading) return m;
  return upgrade && after(put(m, rest), upgrade.deadline);
}

/** Those and only those hold the lock. */
function holdersConfirmed(start: Moment, { holders }: Sighting): Moment | undefined {
  if (holders === undefined) return start;
  const shown = new Map(holders.map((holder) => [holder.session, holder]));
  if (shown.size !== holders.length) return undefined;
  let m: Moment | undefined = start;
  let met = 0;
  for (const entry of start.entries) {
    if (!isLease(entry) || m === undefined) continue;
    const holder = shown.get(entry.session);
    if (holder === undefined) m = over(m, entry);
    else if (isNamed(entry, holder.id)) m = endingAt(m, { ...entry, id: holder.id }, holder.ends_at);
    else return undefined;
    if (holder !== undefined) met += 1;
  }
  return met === holders.length ? m : undefined;
}

function endingAt(m: Moment, lease: Lease, at: number): Moment | undefined {
  if (at < lease.ends.from || at > lease.ends.until) return undefined;
  const exact: Lease = { ...lease, ends: { from: at, until: at } };
  return alive(put(m, exact), exact);
}

// --- time

function alive(m: Moment, entry: Claim | Lease): Moment | undefined {
  return before(m, isLease(entry) ? entry.ends : entry.deadline);
}

/** The entry's time is over and it is dropped. */
function over(m: Moment, entry: Claim | Lease): Moment | undefined {
  const past = after(m, isLease(entry) ? entry.ends : entry.deadline);
  return past && without(past, entry);
}

/** Before the moment that lies in `end`. */
function before(m: Moment, end: Span): Moment | undefined {
  return m.now < end.until ? { ...m, until: Math.min(m.until, end.until) } : undefined;
}

/** From that moment on. */
function after(m: Moment, end: Span): Moment | undefined {
  return narrowed(m, { from: end.from, until: Number.POSITIVE_INFINITY });
}

function narrowed(m: Moment, { from, until }: Span): Moment | undefined {
  const within = { ...m, now: Math.max(m.now, from), until: Math.min(m.until, until) };
  return within.now <= within.until ? within : undefined;
}

function sum(m: Moment, { from, until }: Span): Span {
  return { from: m.now + from, until: m.until + until };
}

function later(one: Span, other: Span): Span {
  return { from: Math.max(one.from, other.from), until: Math.max(one.until, other.until) };
}

function hull(one: Span, other: Span): Span {
  return { from: Math.min(one.from, other.from), until: Math.max(one.until, other.until) };
}

// --- entries

function isLease(entry: Claim | Lease): entry is Lease {
  return "token" in entry;
}

function isNamed(entry: Entry, id: string): boolean {
  return entry.id === null || entry.id === id;
}

function covers(mode: LockMode, asked: LockMode): boolean {
  return mode === "exclusive" || asked === "shared";
}

function strongest(one: LockMode, other: LockMode): LockMode {
  return one === "exclusive" ? one : other;
}

function entryOf(m: Moment, session: string): Claim | Lease | undefined {
  return m.entries.find((entry) => entry.session === session);
}

function named(m: Moment, id: string): (Claim | Lease)[] {
  return m.entries.filter((entry) => entry.id === id);
}

/** The entry with this id, if it is this agent's. */
function owned(m: Moment, { id, agent }: { readonly id: string; readonly agent: string }): (Claim | Lease)[] {
  return named(m, id).filter(({ session }) => agentOf(session) === agent);
}

function put(m: Moment, entry: Claim | Lease): Moment {
  const others = m.entries.filter(({ session }) => session !== entry.session);
  return { ...m, entries: [...others, entry].sort((a, b) => (a.session < b.session ? -1 : 1)) };
}

function without(m: Moment, entry: Entry): Moment {
  return { ...m, entries: m.entries.filter(({ session }) => session !== entry.session) };
}

function some<T>(value: T | undefined): T[] {
  return value === undefined ? [] : [value];
}
