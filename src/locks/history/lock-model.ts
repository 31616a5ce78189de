/**
 * The lock as its clients may rely on it, one act at a time: an owner-aware, fenced shared/exclusive mutex whose leases end
 * at a known moment (04-locks-and-deadlocks, rules 1–6). For tests only.
 *
 * It is written from the rules alone and shares nothing with the lock book. Its states are who holds the lock, nothing of
 * who waits: FIFO is no part of linearizability.
 */
import type { LockMode } from "../lock-types.ts";
import type { Operation, SequentialModel } from "./linearizable.ts";
import type { Act, ActsOfLock, Grant, Refusal, Span } from "./lock-acts.ts";
import { agentOf, type Sighting } from "./lock-history.ts";

interface Lease {
  readonly session: string;
  /** null: nobody ever saw it */
  readonly id: string | null;
  readonly mode: LockMode;
  readonly token: number;
  /** When it ends; as soon as somebody saw that, it is exact but for the slack. */
  readonly ends: Span;
  /** By how much it may have been extended with nobody being told (ms). */
  readonly slack: number;
}

export interface LockState {
  /** the highest that was handed out */
  readonly token: number;
  /** At most one for each session, ordered by session. */
  readonly leases: readonly Lease[];
  /** Claims that ended, granted or not, in order. */
  readonly withdrawn: readonly string[];
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

/** The model for the acts of one lock. */
export function lockModel(
  { tokens, waiting, sessions, slack }: ActsOfLock,
  { token = 0, tolerance_ms = 0 }: LockModelOptions = {},
): SequentialModel<LockState, Act> {
  return {
    initial: { token, leases: [], withdrawn: [], now: Number.NEGATIVE_INFINITY },
    key: (state) => JSON.stringify(state),
    isRead: (act) => act.do === "look" || act.do === "refused" || act.do === "deny" || act.do === "verify",
    matters(state, act) {
      if (!("id" in act) || act.id === null) return true;
      if (act.do === "grant") return !state.withdrawn.includes(act.id);
      return state.leases.some(({ id }) => id === act.id);
    },
    step(state, { act, from, until }: Operation<Act>) {
      const now = Math.max(state.now, from - tolerance_ms);
      const moment: Moment = { ...state, now, until: until + tolerance_ms };
      if (moment.now > moment.until) return [];
      return carriedOut(moment, act)
        .flatMap((after) => (act.seen === undefined ? [after] : some(confirmed(after, act.seen))))
        .map(({ until: _, ...after }) => (isSame(state, after) ? state : forgetful(after)));
    },
  };

  function carriedOut(m: Moment, act: Act): Moment[] {
    switch (act.do) {
      case "grant": {
        const next = m.token + 1;
        const isNext = act.token === undefined ? !tokens.has(next) : act.token === next;
        return isNext ? granted(m, act, slack.get(act.session) ?? 0) : [];
      }
      case "refused":
        return refused(m, act);
      case "reenter": {
        const lease = leaseOf(m, act.session);
        if (lease === undefined || !covers(lease.mode, act.mode)) return [];
        return some(extended(m, { ...lease, id: lease.id ?? act.seen?.id ?? null }, act.ttl_ms));
      }
      case "beat": {
        const lease = owned(m, act.id, act.agent);
        return lease ? some(extended(m, lease, act.ttl_ms)) : [];
      }
      case "end":
        return ownerOf(act.id) === act.agent && !act.isAgain ? ended(m, act.id) : [];
      case "abort":
        return ended(m, act.id);
      case "undo": {
        const lease = leaseOf(m, act.session);
        return lease === undefined ? [] : [without(m, lease)];
      }
      case "weaken": {
        if (act.told === "exclusive") return [];
        const lease = owned(m, act.id, act.agent);
        if (lease === undefined) return ownerOf(act.id) === act.agent && isWaiting(m, act.id) ? [m] : [];
        return some(alive(m, lease)).map((after) => put(after, { ...lease, mode: "shared" }));
      }
      case "deny":
        return ownerOf(act.id) === act.agent ? [] : [m];
      case "look":
        return [m];
      case "gone": {
        const lease = leaseNamed(m, act.id);
        if (lease !== undefined) return act.isExpired ? some(over(m, lease)) : [];
        return [act.isExpired ? m : withdrawn(m, act.id)];
      }
      case "verify": {
        const lease = m.leases.find((one) => one.token === act.token);
        if (m.token !== act.highest) return [];
        if (act.isCurrent) return some(lease && alive(m, lease));
        return some(lease ? over(m, lease) : m);
      }
    }
  }

  function ownerOf(id: string): string | undefined {
    const session = sessions.get(id);
    return session === undefined ? undefined : agentOf(session);
  }

  /** Whether there was such a claim and its wait need not be over. */
  function mayWait({ now }: LockState, id: string): boolean {
    return (waiting.get(id) ?? -Infinity) + tolerance_ms >= now;
  }

  function forgetful(state: LockState): LockState {
    return { ...state, withdrawn: state.withdrawn.filter((id) => mayWait(state, id)) };
  }

  function isWaiting(m: Moment, id: string): boolean {
    return mayWait(m, id) && !m.withdrawn.includes(id);
  }

  /** A living lease is freed, a claim is withdrawn: it is not granted from then on. */
  function ended(m: Moment, id: string): Moment[] {
    const lease = leaseNamed(m, id);
    if (lease !== undefined) return some(alive(m, lease)).map((after) => withdrawn(without(after, lease), id));
    return isWaiting(m, id) ? [withdrawn(m, id)] : [];
  }

  /** What never waited needs not be remembered: it was granted as it was asked for, or not at all. */
  function withdrawn(m: Moment, id: string): Moment {
    return isWaiting(m, id) ? { ...m, withdrawn: [...m.withdrawn, id].sort() } : m;
  }

  /** Rule 1: only a holder, or for a reader a writer who waits, is a reason to keep somebody out. */
  function refused(m: Moment, { session, mode, by, waitsUntil }: Refusal): Moment[] {
    const own = leaseOf(m, session);
    const start = own && covers(own.mode, mode) ? over(m, own) : m;
    if (start === undefined) return [];
    const holders = start.leases.filter(
      (lease) =>
        lease.session !== session && (by === undefined || (lease.session === by.session && isNamed(lease, by.id))),
    );
    const blocked = holders
      .filter((lease) => conflict(lease.mode, mode) || waitsUntil > -Infinity)
      .flatMap((lease) => some(alive(start, lease)));
    if (blocked.length > 0 || by === undefined || holders.length > 0) return blocked;
    return start.withdrawn.includes(by.id) ? [] : some(narrowed(start, -Infinity, waitsUntil));
  }
}

/** Rules 1, 3 and 4: nobody who conflicts is alive. A session that reads already upgrades, or reads on. */
function granted(m: Moment, { session, id, modes, ttl_ms, isFresh, at }: Grant, slack: number): Moment[] {
  const token = m.token + 1;
  const own = leaseOf(m, session);
  const moments: Moment[] = [];
  if (isFresh && (id === null || !m.withdrawn.includes(id))) {
    for (const mode of modes) {
      const start = own ? over(m, own) : m;
      const said = at === undefined ? start : start && narrowed(start, at, at);
      const free = said && withoutRivals(said, session, mode);
      if (free)
        moments.push({ ...put(free, { session, id, mode, token, ends: sum(free, ttl_ms, slack), slack }), token });
    }
  }
  if (own === undefined || !(id === null || isNamed(own, id))) return moments;
  const living = alive(m, own);
  if (own.mode === "shared" && modes.includes("exclusive")) {
    const free = living && withoutRivals(living, session, "exclusive");
    const ends = free && later(own.ends, sum(free, ttl_ms, slack));
    if (ends) moments.push({ ...put(free, { ...own, id: id ?? own.id, mode: "exclusive", token, ends }), token });
  }
  return moments;
}

function withoutRivals(start: Moment, session: string, mode: LockMode): Moment | undefined {
  return start.leases
    .filter((lease) => lease.session !== session && conflict(lease.mode, mode))
    .reduce<Moment | undefined>((m, rival) => m && over(m, rival), start);
}

/** Rule 5: only the living are extended, and never to an earlier end. */
function extended(m: Moment, lease: Lease, ttl_ms: Span): Moment | undefined {
  const living = alive(m, lease);
  return living && put(living, { ...lease, ends: later(lease.ends, sum(living, ttl_ms, lease.slack)) });
}

// --- what an answer shows

/** The state if it can be as the answer shows it, with the ends of leases as exact as the answer makes them. */
function confirmed(start: Moment, seen: Sighting): Moment | undefined {
  const m = holdersConfirmed(start, seen);
  const lease = m && leaseNamed(m, seen.id);
  if (m === undefined) return undefined;
  // Nobody waits for a free lock, and who withdrew waits no more.
  if (seen.status === "queued") {
    return lease || seen.holders?.length === 0 || m.withdrawn.includes(seen.id) ? undefined : m;
  }
  if (lease === undefined || lease.mode !== seen.mode || lease.token !== seen.token) return undefined;
  return seen.ends_at === undefined ? alive(m, lease) : endingAt(m, lease, seen.ends_at);
}

/** Those and only those hold the lock. */
function holdersConfirmed(start: Moment, { holders }: Sighting): Moment | undefined {
  if (holders === undefined) return start;
  let m: Moment | undefined = start;
  for (const lease of start.leases) {
    const holder = holders.find(({ id, session }) => session === lease.session && isNamed(lease, id));
    const named = holder && lease.id === null ? { ...lease, id: holder.id } : lease;
    if (m !== undefined) m = holder ? endingAt(m, named, holder.ends_at) : over(m, lease);
  }
  return m?.leases.length === holders.length ? m : undefined;
}

function endingAt(m: Moment, lease: Lease, at: number): Moment | undefined {
  if (at < lease.ends.from || at > lease.ends.until) return undefined;
  if (lease.ends.from === at && lease.ends.until === at + lease.slack && lease.id !== null) return alive(m, lease);
  const exact: Lease = { ...lease, ends: { from: at, until: at + lease.slack } };
  return alive(put(m, exact), exact);
}

// --- time

/** It happens before the lease ends. */
function alive(m: Moment, { ends }: Lease): Moment | undefined {
  return m.now < ends.until ? narrowed(m, -Infinity, ends.until) : undefined;
}

/** It happens after the lease's end; the lease is dropped. */
function over(m: Moment, lease: Lease): Moment | undefined {
  const past = narrowed(m, lease.ends.from, Infinity);
  return past && without(past, lease);
}

function narrowed(m: Moment, from: number, until: number): Moment | undefined {
  const within = { ...m, now: Math.max(m.now, from), until: Math.min(m.until, until) };
  return within.now <= within.until ? within : undefined;
}

function sum(m: Moment, { from, until }: Span, slack: number): Span {
  return { from: m.now + from, until: m.until + until + slack };
}

function later(one: Span, other: Span): Span {
  return { from: Math.max(one.from, other.from), until: Math.max(one.until, other.until) };
}

// --- leases

function leaseOf(m: Moment, session: string): Lease | undefined {
  return m.leases.find((lease) => lease.session === session);
}

function leaseNamed(m: Moment, id: string): Lease | undefined {
  return m.leases.find((lease) => lease.id === id);
}

function owned(m: Moment, id: string, agent: string): Lease | undefined {
  const lease = leaseNamed(m, id);
  return lease && agentOf(lease.session) === agent ? lease : undefined;
}

function isNamed(lease: Lease, id: string): boolean {
  return lease.id === null || lease.id === id;
}

function covers(mode: LockMode, asked: LockMode): boolean {
  return mode === "exclusive" || asked === "shared";
}

function conflict(one: LockMode, other: LockMode): boolean {
  return one === "exclusive" || other === "exclusive";
}

function put(m: Moment, lease: Lease): Moment {
  const others = m.leases.filter(({ session }) => session !== lease.session);
  return { ...m, leases: [...others, lease].sort((a, b) => (a.session < b.session ? -1 : 1)) };
}

function without(m: Moment, lease: Lease): Moment {
  return { ...m, leases: m.leases.filter(({ session }) => session !== lease.session) };
}

function isSame(one: LockState, other: LockState): boolean {
  const { token, leases, withdrawn, now } = one;
  return other.leases === leases && other.withdrawn === withdrawn && other.token === token && other.now === now;
}

function some<T>(value: T | undefined): T[] {
  return value === undefined ? [] : [value];
}
