/**
 * From the calls on one lock to the acts that its model knows. For tests only.
 *
 * Waiting is no state of the lock: who waits, and for how long, its clients do not see. A call that waited is the sight of
 * its outcome; the grant before it is an act of the lock itself, which no client sees happen, but the first who sees the
 * lease bounds it. A grant that nobody is known to have seen may have happened or not, and so may every call whose answer
 * was lost.
 */
import type { LockMode } from "../lock-types.ts";
import type { Operation } from "./linearizable.ts";
import { type RecordedCall, type Sighting, sessionName } from "./lock-history.ts";
import { type Acquire, type Asked, isTaken, type Life, type Lives, livesOf, mayWait } from "./lock-lives.ts";

/** Somewhere from `from` to `until`, ms. */
export interface Span {
  readonly from: number;
  readonly until: number;
}

export interface Grant {
  readonly do: "grant";
  readonly session: string;
  /** null: nobody ever saw it */
  readonly id: string | null;
  /** The modes that the lease can have got. */
  readonly modes: readonly LockMode[];
  readonly ttl_ms: Span;
  /** undefined: nobody was told */
  readonly token: number | undefined;
  /** Whether the session can have been without a lease before; else this can only be an upgrade. */
  readonly isFresh: boolean;
  /** when it first came to hold the lock, by the lock's clock (ms) */
  readonly at: number | undefined;
}

/** Why somebody may rightly be kept out. */
export interface Refusal {
  readonly do: "refused";
  readonly session: string;
  readonly mode: LockMode;
  /** The lease or claim in the way; undefined: any lease. */
  readonly by: { readonly id: string; readonly session: string } | undefined;
  /** It may wait rather than hold, until then by the lock's clock (ms). A reader is refused for a waiting writer. */
  readonly waitsUntil: number;
}

export type Act = { readonly seen?: Sighting } & (
  | Grant
  | Refusal
  | { readonly do: "reenter"; readonly session: string; readonly mode: LockMode; readonly ttl_ms: Span }
  | { readonly do: "beat"; readonly id: string; readonly agent: string; readonly ttl_ms: Span }
  /** `isAgain`: the end of the very same was acknowledged before. */
  | { readonly do: "end"; readonly id: string; readonly agent: string; readonly isAgain: boolean }
  /** `told`: the mode that it has then, if anybody was told */
  | { readonly do: "weaken"; readonly id: string; readonly agent: string; readonly told: LockMode | undefined }
  | { readonly do: "deny"; readonly id: string; readonly agent: string }
  /** ended by somebody who needs not own it: an admin, or the coordinator that ends a deadlock */
  | { readonly do: "abort"; readonly id: string }
  /** What the session got is given back. */
  | { readonly do: "undo"; readonly session: string }
  | { readonly do: "look"; readonly id: string }
  | { readonly do: "gone"; readonly id: string; readonly isExpired: boolean }
  | { readonly do: "verify"; readonly token: number; readonly isCurrent: boolean; readonly highest: number }
);

export interface ActsOfLock {
  readonly operations: readonly Operation<Act>[];
  /** Tokens that somebody was told of: no other grant has them. */
  readonly tokens: ReadonlySet<number>;
  /** Those that can have waited before they were held, and until when (ms of the clients' clock). */
  readonly waiting: ReadonlyMap<string, number>;
  /** The session of each lease and claim. */
  readonly sessions: ReadonlyMap<string, string>;
  /** By how much calls without an answer can have extended a session's leases (ms). */
  readonly slack: ReadonlyMap<string, number>;
}

const NEVER = Number.POSITIVE_INFINITY;

/**
 * The acts of one lock's history. `patience_ms`: a call without an answer was carried out within that time, or never.
 * Throws RangeError for an answer about an id that nobody was ever given.
 */
export function actsOf(calls: readonly RecordedCall[], patience_ms: number): ActsOfLock {
  const known = livesOf(calls, patience_ms);
  const { lives } = known;
  const ended = new Set<string>();
  const operations = calls
    .toSorted((a, b) => a.answered - b.answered)
    .flatMap((one): Operation<Act>[] => {
      const { call, answer, invoked: from } = one;
      const acts = call.do === "acquire" ? actsOfAcquire({ ...one, call }, known) : actsOfOther(one, ended);
      if (call.do === "release" && answer?.kind === "released") ended.add(call.id);
      if (isTold(one)) return acts.map((act) => ({ act, from, until: one.answered }));
      const until = Math.min(one.answered, lostBy(one, patience_ms));
      return acts.map((act) => ({ act, from, until, isOptional: true }));
    });
  const all = [...lives.values()];
  return {
    operations: [...operations, ...all.flatMap(ownActs)],
    tokens: new Set(all.flatMap((life) => [...life.tokens.keys()])),
    waiting: new Map(all.filter(({ waits }) => waits > 0).map((life) => [life.id, overAt(life)])),
    sessions: new Map(all.map(({ id, session }) => [id, session])),
    slack: slackOf(calls, lives),
  };
}

/** Whether what it got was taken back, or may have been: who lost the answer does not know whether the others were free. */
function mayBeUndone({ call, answer }: RecordedCall): boolean {
  return answer?.kind === "undone" || (answer === undefined && call.do === "acquire" && call.together === true);
}

/** Nothing came of a call without an answer after that. */
function lostBy({ call, invoked }: RecordedCall, patience_ms: number): number {
  return invoked + patience_ms + (call.do === "acquire" ? call.wait_ms : 0);
}

/** Whether the answer tells what came of the call. */
function isTold({ call, answer }: RecordedCall): boolean {
  return answer !== undefined && !(call.do === "acquire" && answer.kind === "gone");
}

/** A heartbeat or a repeated acquire whose answer was lost changes nothing but when the lease ends. */
function slackOf(calls: readonly RecordedCall[], lives: Lives["lives"]): ReadonlyMap<string, number> {
  const slack = new Map<string, number>();
  for (const { call, answer } of calls) {
    const isLost = answer === undefined || (call.do === "acquire" && answer.kind === "gone");
    if (!isLost || (call.do !== "acquire" && call.do !== "heartbeat")) continue;
    const session = call.do === "acquire" ? sessionName(call.by) : (lives.get(call.id)?.session ?? "");
    slack.set(session, (slack.get(session) ?? 0) + call.ttl_ms);
  }
  return slack;
}

/** The grants, and the deadlock's abort, that no call is. */
function ownActs(life: Life): Operation<Act>[] {
  const { id, from, tokens, taken, waits, untoldWaits, abortedBy, heldBy } = life;
  const over = overAt(life);
  const told = [...tokens.keys()].filter((token) => !taken.has(token));
  const acts = told.map((token): Operation<Act> => {
    return { act: grantOf(life, token), from, until: Math.min(over, tokens.get(token)?.told ?? NEVER) };
  });
  // Seen to hold it, but its token was never told: then one grant did happen.
  const isHolder = tokens.size === 0 && heldBy < NEVER;
  if (isHolder) acts.push({ act: grantOf(life, undefined), from, until: Math.min(over, heldBy) });
  for (let count = acts.length; count < waits + untoldWaits; count += 1) {
    acts.push({ act: grantOf(life, undefined), from, until: over, isOptional: true });
  }
  if (abortedBy < NEVER) acts.push({ act: { do: "abort", id }, from, until: abortedBy });
  return acts;
}

function overAt({ asks }: Life): number {
  return Math.max(...asks.map(({ over }) => over));
}

function grantOf({ id, session, asks, at, tokens, isDowngraded }: Life, token: number | undefined): Grant {
  const isFresh = token === undefined || token === Math.min(...tokens.keys());
  const asked = new Set<LockMode>([...asks.map(({ call }) => call.mode), ...(isDowngraded ? ["shared" as const] : [])]);
  const seen = token === undefined ? undefined : tokens.get(token)?.modes;
  return {
    do: "grant",
    session,
    id,
    modes: seen?.has("exclusive") ? ["exclusive"] : seen && !isDowngraded ? ["shared"] : [...asked],
    ttl_ms: hull(asks.map(({ call }) => call.ttl_ms)),
    token,
    isFresh,
    at,
  };
}

function actsOfAcquire(one: RecordedCall & { readonly call: Acquire }, known: Lives): Act[] {
  const { call, answer } = one;
  const session = sessionName(call.by);
  const { mode } = call;
  const ttl_ms = hull([call.ttl_ms]);
  if (answer?.kind === "queue_full") return [];
  if (answer?.kind === "refused") return refusalOf(one, answer.by, known);
  if (answer?.kind === "lock") {
    const { lock: seen } = answer;
    if (seen.reentrant) return [{ do: "reenter", session, mode, ttl_ms, seen }];
    const life = known.lives.get(seen.id);
    if (life === undefined || !isTaken(call, seen)) return [{ do: "look", id: seen.id, seen }];
    return [{ ...grantOf(life, seen.token), modes: [mode], ttl_ms, seen }];
  }
  const grant = { do: "grant", session, id: null, modes: [mode], ttl_ms } as const;
  const unseen: Act = { ...grant, token: undefined, isFresh: true, at: undefined };
  if (!mayBeUndone(one)) return [unseen];
  // It asked once: what somebody saw of it came of this call.
  const isSeen = known.seen.has(session);
  return [...(isSeen ? [] : [unseen]), { do: "undo", session }];
}

function refusalOf(
  { call, invoked, answered }: RecordedCall & { readonly call: Acquire },
  by: { readonly id: string; readonly session: string } | undefined,
  { lives, asks, untold }: Lives,
): Act[] {
  const session = sessionName(call.by);
  const { mode } = call;
  if (mayWait(call)) {
    // Whom it waited for, the answer cannot tell, and a reader may have waited for a writer who was never heard of.
    return mode === "shared" ? [] : [{ do: "refused", session, mode, by: undefined, waitsUntil: -NEVER }];
  }
  // A claim lasts as long as the first asking for it let it, but any later one may have made a writer of it.
  const writes = (all: readonly Asked[] = []) => {
    const asks = all.filter((ask) => ask.invoked <= answered && !isAtOnce(ask));
    return asks.some(({ call }) => call.mode === "exclusive") && asks.some(({ over }) => over >= invoked);
  };
  const blocker = by && lives.get(by.id);
  const mayWrite = mode === "shared" && by !== undefined && writes(blocker?.asks ?? untold.get(by.session));
  // A session that waits to write already is refused as a writer.
  const wants = writes(asks.get(session)) ? "exclusive" : mode;
  const waitsUntil = mayWrite ? (blocker?.at ?? NEVER) : -NEVER;
  return [{ do: "refused", session, mode: wants, by, waitsUntil }];
}

function isAtOnce({ call, answer }: Asked): boolean {
  return call.wait_ms === 0 || (answer?.kind === "lock" && isTaken(call, answer.lock));
}

function actsOfOther({ call, answer }: RecordedCall, ended: ReadonlySet<string>): Act[] {
  if (call.do === "acquire") return [];
  if (call.do === "verify") {
    if (answer?.kind !== "verified") return [];
    return [{ do: "verify", token: call.token, isCurrent: answer.current, highest: answer.highest }];
  }
  const { id } = call;
  const agent = call.by.agent_id;
  if (answer?.kind === "gone") return [{ do: "gone", id, isExpired: answer.code === "LOCK_EXPIRED" }];
  if (answer?.kind === "denied") return [{ do: "deny", id, agent }];
  const look: Act[] = answer?.kind === "lock" ? [{ do: "look", id, seen: answer.lock }] : [];
  switch (call.do) {
    case "heartbeat":
      if (answer?.kind !== "lock" || answer.lock.status === "queued") return look;
      return [{ do: "beat", id, agent, ttl_ms: hull([call.ttl_ms]), seen: answer.lock }];
    case "release":
      return call.force ? [{ do: "abort", id }] : [{ do: "end", id, agent, isAgain: ended.has(id) }];
    case "downgrade":
      // Those whom it lets in are holders already in its answer, so the sight comes after their grants.
      return [{ do: "weaken", id, agent, told: answer?.kind === "lock" ? answer.lock.mode : undefined }, ...look];
    case "read":
      return look;
  }
}

function hull(values: readonly number[]): Span {
  return { from: Math.min(...values), until: Math.max(...values) };
}
