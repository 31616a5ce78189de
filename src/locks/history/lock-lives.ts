/** What a lock's whole history tells of each of its leases and claims. For tests only. */
import type { LockMode } from "../lock-types.ts";
import { type LockCall, type RecordedCall, type Sighting, sessionName } from "./lock-history.ts";

export type Acquire = Extract<LockCall, { do: "acquire" }>;

export interface Asked extends RecordedCall {
  readonly call: Acquire;
  /** It was not granted after that. */
  readonly over: number;
}

/** One lease or claim. Times are ms of the clients' clock unless it says otherwise. */
export interface Life {
  readonly id: string;
  readonly session: string;
  /** No call that can have made it began before. */
  from: number;
  /** Every call that may have asked for it, those included that were never told its id. */
  readonly asks: Asked[];
  /** When somebody had seen it held, and when anybody saw of it last. */
  heldBy: number;
  lastSeen: number;
  /** When it was granted, by the lock's clock, if anybody saw. */
  at: number | undefined;
  /** Each token that it was seen with, when that was first told, and the modes it was seen in. */
  readonly tokens: Map<number, { readonly told: number; readonly modes: Set<LockMode> }>;
  /** Those tokens that were granted in the moment of a call. */
  readonly taken: Set<number>;
  /** How many calls that named it can have led to a grant later on. */
  waits: number;
  /** How many calls that were not told its name can have done so. */
  untoldWaits: number;
  isDowngraded: boolean;
  /** Somebody was told by then that it was lost to a deadlock. */
  abortedBy: number;
}

const NEVER = Number.POSITIVE_INFINITY;

/** What a history tells of those who asked for the lock. */
export interface Lives {
  /** The leases and claims that any answer names. */
  readonly lives: ReadonlyMap<string, Life>;
  /** Their sessions. */
  readonly seen: ReadonlySet<string>;
  /** All acquire calls by session. */
  readonly asks: ReadonlyMap<string, readonly Asked[]>;
  /** Those of them that left a claim or may have, of which no answer told. */
  readonly untold: ReadonlyMap<string, readonly Asked[]>;
}

/** Throws RangeError for an answer about an id that nobody was ever given. */
export function livesOf(calls: readonly RecordedCall[], patience_ms: number): Lives {
  const lives = new Map<string, Life>();
  const told = calls.toSorted((a, b) => a.answered - b.answered);
  const asked = told.flatMap((one) => askedIn(one, patience_ms));
  for (const one of asked) if (one.answer?.kind === "lock") name(lives, one, one.answer.lock);
  for (const { answer, answered } of told) {
    if (answer?.kind !== "lock") continue;
    for (const { id, session, acquired_at } of answer.lock.holders ?? []) {
      const life = lifeOf(lives, id, session);
      life.at ??= acquired_at;
      life.heldBy = Math.min(life.heldBy, answered);
      life.lastSeen = Math.max(life.lastSeen, answered);
    }
  }
  for (const one of told) see(lives, one);
  const asks = Map.groupBy(asked, ({ call }) => sessionName(call.by));
  const untold = Map.groupBy(asked.filter(isUntold), ({ call }) => sessionName(call.by));
  for (const life of lives.values()) {
    const others = untold.get(life.session) ?? [];
    // Whose asking was over before it came to be had asked for another.
    const since = life.at ?? (life.tokens.size > 0 ? -NEVER : life.from);
    const possible = others.filter(
      ({ invoked, over }) => invoked <= life.lastSeen && over >= Math.min(since, life.from),
    );
    life.asks.push(...possible);
    life.untoldWaits = possible.length;
    life.from = Math.min(life.from, ...possible.map(({ invoked }) => invoked));
  }
  const seen = new Set([...lives.values()].map(({ session }) => session));
  return { lives, seen, asks, untold };
}

/** Whether this answer can only be a grant in the call's own moment. */
export function isTaken(call: Acquire, lock: Sighting): boolean {
  return !mayWait(call) && lock.status === "held" && !lock.reentrant && !lock.upgrading;
}

/** Whether the call may have been answered long after it asked. */
export function mayWait({ wait_ms, hold_ms }: Acquire): boolean {
  return wait_ms > 0 && hold_ms > 0;
}

function askedIn(one: RecordedCall, patience_ms: number): Asked[] {
  const { call, answer, invoked, answered } = one;
  if (call.do !== "acquire" || answer?.kind === "queue_full") return [];
  if (answer === undefined) return [{ ...one, call, over: invoked + patience_ms + call.wait_ms }];
  return [{ ...one, call, over: answer.kind === "lock" ? answered + call.wait_ms : answered }];
}

function isUntold({ call, answer }: Asked): boolean {
  return answer?.kind !== "lock" && (answer?.kind !== "refused" || mayWait(call));
}

function lifeOf(lives: Map<string, Life>, id: string, session: string): Life {
  const life: Life = lives.get(id) ?? {
    id,
    session,
    from: NEVER,
    asks: [],
    heldBy: NEVER,
    lastSeen: -NEVER,
    at: undefined,
    tokens: new Map(),
    taken: new Set(),
    waits: 0,
    untoldWaits: 0,
    isDowngraded: false,
    abortedBy: NEVER,
  };
  lives.set(id, life);
  return life;
}

function name(lives: Map<string, Life>, one: Asked, lock: Sighting): void {
  const life = lifeOf(lives, lock.id, sessionName(one.call.by));
  // It was there already.
  if (lock.reentrant) return;
  life.from = Math.min(life.from, one.invoked);
  life.asks.push(one);
  if (!isTaken(one.call, lock)) life.waits += 1;
  else if (lock.token !== undefined) life.taken.add(lock.token);
}

function see(lives: Map<string, Life>, { call, answer, answered }: RecordedCall): void {
  const named = "id" in call ? lives.get(call.id) : undefined;
  if (named && call.do === "downgrade") named.isDowngraded = true;
  if (named && answer?.kind === "gone" && answer.code === "DEADLOCK_DETECTED") {
    named.abortedBy = Math.min(named.abortedBy, answered);
  }
  const blocker = answer?.kind === "refused" && answer.by && lives.get(answer.by.id);
  if (blocker) blocker.lastSeen = Math.max(blocker.lastSeen, answered);
  if (answer?.kind !== "lock") return;
  const { id, status, token, mode } = answer.lock;
  const life = lives.get(id);
  if (life === undefined) throw new RangeError(`${id} was never handed out`);
  life.lastSeen = Math.max(life.lastSeen, answered);
  if (status === "held") life.heldBy = Math.min(life.heldBy, answered);
  if (token === undefined) return;
  const seen = life.tokens.get(token) ?? { told: answered, modes: new Set() };
  seen.modes.add(mode);
  life.tokens.set(token, seen);
}
