/** What a lock's whole history tells of each of its leases and claims. For tests only. */
import { type LockCall, type RecordedCall, type Sighting, sessionName } from "./lock-history.ts";

export type Acquire = Extract<LockCall, { do: "acquire" }>;

/** Acquire calls, by session, that left a claim or lease of which the caller was not told, or may have. */
export type Untold = ReadonlyMap<string, readonly (RecordedCall & { readonly call: Acquire })[]>;

/** One lease or claim, times in ms of the clients' clock unless it says otherwise. */
export interface Life {
  readonly id: string;
  readonly session: string;
  /** The first acquire that named it had been answered; later calls did not make it. */
  knownAt: number;
  /** No call that can have made it began before. */
  from: number;
  /** Whether an untold call can have made it. */
  hasUntoldOrigin: boolean;
  /** When it was granted, by the lock's clock, if anybody saw. */
  at: number | undefined;
  /** Each token that it was seen with, and when somebody had been told. */
  readonly tokens: Map<number, number>;
  /** Those of them that were granted in the moment of a call. */
  readonly taken: Set<number>;
  /** How many calls can have led to a grant after them. */
  waits: number;
  /** Somebody was told by then that it was lost to a deadlock. */
  abortedBy: number;
}

const NEVER = Number.POSITIVE_INFINITY;

export function untoldOf(calls: readonly RecordedCall[]): Untold {
  const untold = calls.flatMap((one) => {
    const { call, answer } = one;
    if (call.do !== "acquire") return [];
    const isTold = answer?.kind === "lock" || answer?.kind === "queue_full";
    return isTold || (answer?.kind === "refused" && !mayWait(call)) ? [] : [{ ...one, call }];
  });
  return Map.groupBy(untold, ({ call }) => sessionName(call.by));
}

/** Throws RangeError for an answer about an id that nobody was ever given. */
export function livesOf(calls: readonly RecordedCall[], untold: Untold): ReadonlyMap<string, Life> {
  const lives = new Map<string, Life>();
  const told = calls.toSorted((a, b) => a.answered - b.answered);
  for (const one of told) {
    if (one.answer?.kind !== "lock") continue;
    const { lock } = one.answer;
    if (one.call.do === "acquire") named(lives, one.call, one, lock);
    for (const { id, session, acquired_at } of lock.holders ?? []) lifeOf(lives, id, session).at ??= acquired_at;
  }
  for (const one of told) seen(lives, one);
  for (const life of lives.values()) {
    const later = (untold.get(life.session) ?? []).filter(({ answered }) => answered >= life.from);
    const candidates = later.filter(({ invoked }) => invoked <= life.knownAt);
    const wasTaken = [...life.taken].includes(Math.min(...life.tokens.keys()));
    life.hasUntoldOrigin = candidates.length > 0 && !wasTaken;
    if (life.hasUntoldOrigin) life.from = Math.min(life.from, ...candidates.map(({ invoked }) => invoked));
    life.waits += later.filter(({ call }) => call.mode === "exclusive").length;
  }
  return lives;
}

/** Whether this answer can only be a grant in the call's own moment. */
export function isTaken(call: Acquire, lock: Sighting): boolean {
  return !mayWait(call) && lock.status === "held" && !lock.reentrant && !lock.upgrading;
}

/** Whether the call may have been answered long after it asked. */
export function mayWait({ wait_ms, hold_ms }: Acquire): boolean {
  return wait_ms > 0 && hold_ms > 0;
}

function lifeOf(lives: Map<string, Life>, id: string, session: string): Life {
  const life: Life = lives.get(id) ?? {
    id,
    session,
    knownAt: NEVER,
    from: NEVER,
    hasUntoldOrigin: false,
    at: undefined,
    tokens: new Map(),
    taken: new Set(),
    waits: 0,
    abortedBy: NEVER,
  };
  lives.set(id, life);
  return life;
}

function named(lives: Map<string, Life>, call: Acquire, { invoked, answered }: RecordedCall, lock: Sighting): void {
  const life = lifeOf(lives, lock.id, sessionName(call.by));
  life.knownAt = Math.min(life.knownAt, answered);
  life.from = Math.min(life.from, invoked);
  if (isTaken(call, lock)) {
    if (lock.token !== undefined) life.taken.add(lock.token);
  } else if (!lock.reentrant) life.waits += 1;
}

function seen(lives: Map<string, Life>, { call, answer, answered }: RecordedCall): void {
  if (answer?.kind === "gone" && answer.code === "DEADLOCK_DETECTED" && "id" in call) {
    const life = lives.get(call.id);
    if (life !== undefined) life.abortedBy = Math.min(life.abortedBy, answered);
  }
  if (answer?.kind !== "lock") return;
  const life = lives.get(answer.lock.id);
  if (life === undefined) throw new RangeError(`${answer.lock.id} was never handed out`);
  const { token } = answer.lock;
  if (token !== undefined && !life.tokens.has(token)) life.tokens.set(token, answered);
}
