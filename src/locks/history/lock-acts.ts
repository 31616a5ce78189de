/**
 * From the calls on one lock to the acts that its model knows. For tests only.
 *
 * A call that may wait is two acts, the asking and the sight of its outcome. The grant between them is an act of the lock
 * itself: no client sees it happen, but the first who sees the lease bounds it. A grant that nobody is known to have seen
 * may have happened or not, as may every call whose answer was lost.
 */
import type { LockMode } from "../lock-types.ts";
import type { Operation } from "./linearizable.ts";
import { type RecordedCall, type Sighting, sessionName } from "./lock-history.ts";
import { type Acquire, isTaken, type Life, livesOf, mayWait, type Untold, untoldOf } from "./lock-lives.ts";

/** Somewhere from `from` to `until`, ms. */
export interface Span {
  readonly from: number;
  readonly until: number;
}

export interface Asking {
  readonly session: string;
  readonly id: string;
  /** Whether this call can be the one that made the claim with this id. */
  readonly creates: boolean;
  readonly mode: LockMode;
  /** The modes that the claim can have if this call is the first to tell of it. */
  readonly modes: readonly LockMode[];
  readonly ttl_ms: Span;
  readonly wait_ms: Span;
}

export interface Granting {
  readonly token?: number | undefined;
  /** by the lock's own clock, ms */
  readonly at?: number | undefined;
}

export type Act = { readonly seen?: Sighting } & (
  | ({ readonly do: "ask" } & Asking)
  /** asked and granted in one moment */
  | ({ readonly do: "take" } & Asking & Granting)
  /** asked by a client who was not told what came of it, or (`refused`) that nothing did */
  | ({ readonly do: "ask untold"; readonly refused: boolean } & Omit<Asking, "id" | "creates" | "modes">)
  | ({ readonly do: "grant"; readonly id: string; readonly session: string } & Granting)
  | { readonly do: "reenter"; readonly id: string; readonly session: string; mode: LockMode; readonly ttl_ms: Span }
  | { readonly do: "refused"; readonly session: string; readonly mode: LockMode; readonly by?: string }
  | { readonly do: "beat"; readonly id: string; readonly agent: string; readonly ttl_ms: Span }
  | { readonly do: "end" | "weaken" | "deny"; readonly id: string; readonly agent: string }
  /** ended by somebody who needs not own it: an admin, or the coordinator that ends a deadlock */
  | { readonly do: "abort"; readonly id: string }
  | { readonly do: "look"; readonly id: string }
  | { readonly do: "gone"; readonly id: string; readonly expired: boolean }
  | { readonly do: "verify"; readonly token: number; readonly current: boolean; readonly highest: number }
);

export interface ActsOfLock {
  readonly operations: readonly Operation<Act>[];
  /** Who got each token that anybody was told of; `certain` if by a grant that is among the operations. */
  readonly tokens: ReadonlyMap<number, { readonly session: string; readonly certain: boolean }>;
}

const NEVER = Number.POSITIVE_INFINITY;

/** The acts of one lock's history. Throws RangeError for an answer about an id that nobody was ever given. */
export function actsOf(calls: readonly RecordedCall[]): ActsOfLock {
  const untold = untoldOf(calls);
  const lives = livesOf(calls, untold);
  const tokens = new Map<number, { session: string; certain: boolean }>();
  for (const { session, taken, tokens: seen, hasUntoldOrigin } of lives.values()) {
    for (const token of seen.keys()) tokens.set(token, { session, certain: !hasUntoldOrigin });
    for (const token of taken) tokens.set(token, { session, certain: true });
  }
  const operations = calls.flatMap((one) =>
    actsOfCall(one, lives, untold).map((act) => ({
      act,
      from: one.invoked,
      until: act.do === "ask untold" ? NEVER : one.answered,
    })),
  );
  return { operations: [...operations, ...[...lives.values()].flatMap(ownActs)], tokens };
}

/** The grants, and the deadlock's abort, that no call is. */
function ownActs({ id, session, at, from, waits, tokens, taken, hasUntoldOrigin, abortedBy }: Life): Operation<Act>[] {
  const told = [...tokens].filter(([token]) => !taken.has(token));
  const acts = told.map(([token, until]): Operation<Act> => {
    return { act: { do: "grant", id, session, token, at }, from, until: hasUntoldOrigin ? NEVER : until };
  });
  for (let unseen = told.length; unseen < waits; unseen += 1) {
    acts.push({ act: { do: "grant", id, session, at }, from, until: NEVER });
  }
  if (abortedBy < NEVER) acts.push({ act: { do: "abort", id }, from, until: abortedBy });
  return acts;
}

function actsOfCall(recorded: RecordedCall, lives: ReadonlyMap<string, Life>, untold: Untold): Act[] {
  const { call, answer } = recorded;
  if (answer?.kind === "queue_full") return [];
  if (call.do === "acquire") return actsOfAcquire({ ...recorded, call }, lives, untold);
  if (call.do === "verify") {
    if (answer?.kind !== "verified") return [];
    return [{ do: "verify", token: call.token, current: answer.current, highest: answer.highest }];
  }
  const { id } = call;
  const agent = call.by.agent_id;
  if (answer?.kind === "gone") return [{ do: "gone", id, expired: answer.code === "LOCK_EXPIRED" }];
  if (answer?.kind === "denied") return [{ do: "deny", id, agent }];
  const seen = answer?.kind === "lock" ? { seen: answer.lock } : {};
  switch (call.do) {
    case "heartbeat":
      if (seen.seen?.status === "queued") return [{ do: "look", id, ...seen }];
      return [{ do: "beat", id, agent, ttl_ms: exactly(call.ttl_ms), ...seen }];
    case "release":
      return [call.force ? { do: "abort", id } : { do: "end", id, agent }];
    case "downgrade":
      // Those it lets in are holders already in its answer.
      return [{ do: "weaken", id, agent }, ...(answer === undefined ? [] : [{ do: "look" as const, id, ...seen }])];
    case "read":
      return answer === undefined ? [] : [{ do: "look", id, ...seen }];
  }
}

function actsOfAcquire(
  { call, answer, invoked }: RecordedCall & { readonly call: Acquire },
  lives: ReadonlyMap<string, Life>,
  untold: Untold,
): Act[] {
  const session = sessionName(call.by);
  const { mode } = call;
  const span = { ttl_ms: exactly(call.ttl_ms), wait_ms: exactly(call.wait_ms) };
  if (answer?.kind === "refused") {
    if (mayWait(call)) {
      // Whom it waited for, the answer cannot tell; a reader may have waited for a writer who was never heard of.
      if (mode === "shared") return [];
      return [
        { do: "refused", session, mode },
        { do: "ask untold", refused: true, session, mode, ...span },
      ];
    }
    if (answer.by !== undefined && isUntold(answer.by, lives, untold)) return [];
    // A session that already waits to write, told or not, is refused as a writer.
    const ownWriter = untold.get(session)?.some((one) => one.call.mode === "exclusive" && one.answered >= invoked);
    return [{ do: "refused", session, mode: ownWriter ? "exclusive" : mode, ...(answer.by && { by: answer.by.id }) }];
  }
  if (answer?.kind !== "lock") return [{ do: "ask untold", refused: false, session, mode, ...span }];
  const seen = answer.lock;
  const { id } = seen;
  if (seen.reentrant) return [{ do: "reenter", id, session, mode, ttl_ms: span.ttl_ms, seen }];

  const life = lives.get(id);
  const origins = [call, ...(life?.hasUntoldOrigin ? (untold.get(session) ?? []).map((one) => one.call) : [])];
  const asking: Asking = {
    session,
    id,
    creates: life !== undefined && invoked <= life.knownAt,
    mode,
    modes: [...new Set([mode, ...origins.map((one) => one.mode).filter((one) => one === "exclusive")])],
    ttl_ms: hull(origins.map((one) => one.ttl_ms)),
    wait_ms: hull(origins.map((one) => one.wait_ms)),
  };
  if (isTaken(call, seen)) return [{ do: "take", ...asking, token: seen.token, at: life?.at, seen }];
  if (!mayWait(call)) return [{ do: "ask", ...asking, seen }];
  return [
    { do: "ask", ...asking },
    { do: "look", id, seen },
  ];
}

/** Whether what stood in the way may have been asked for by somebody who was not told of it. */
function isUntold({ id, session }: { id: string; session: string }, lives: ReadonlyMap<string, Life>, untold: Untold) {
  return lives.get(id)?.hasUntoldOrigin ?? untold.has(session);
}

function exactly(ms: number): Span {
  return { from: ms, until: ms };
}

function hull(values: readonly number[]): Span {
  return { from: Math.min(...values), until: Math.max(...values) };
}
