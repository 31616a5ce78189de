/**
 * The hash-chained journal of an actor (01-architecture, "The actor kit"; docs/design/journal-and-ledger.md): what an entry
 * is, how its time is made and how it is linked. Pure; the rows are written by `commit`.
 */
import { createHash } from "node:crypto";
import type { Caller, Where, Who } from "./caller.ts";
import { microsToTimestamp } from "./timestamp.ts";

export { canonicalJson } from "./canonical-json.ts";

/** What a rule says happened; the kit adds who, when, where and the chain. */
export interface Happening {
  /** Dotted, as in 05: `task.submitted`, `lock.released`. */
  readonly action: string;
  readonly subject_type: string;
  readonly subject_id: string;
  readonly from_state?: string | undefined;
  readonly to_state?: string | undefined;
  readonly why?: { readonly reason?: string | undefined; readonly ticket_ref?: string | undefined } | undefined;
  readonly details?: Readonly<Record<string, unknown>> | undefined;
  /** Replaces the caller as the one who acted, e.g. `system` for a timer. */
  readonly who?: Who | undefined;
  /** In whose stead, and in which session, they acted. */
  readonly acting?: Pick<Who, "session_id" | "on_behalf_of"> | undefined;
  /** Replaces the caller's place, where the ledger tells what happened to others. */
  readonly where?: Where | undefined;
  /** false: feeds channels only; stands outside the chain and never goes to D1. */
  readonly audit?: boolean | undefined;
}

/** An audit row as served, without `id`, `prev_hash` and `hash`: what the hash is taken over. */
export interface Entry {
  readonly workspace: string;
  readonly actor: string;
  readonly seq: number;
  readonly subject_type: string;
  readonly subject_id: string;
  readonly action: string;
  readonly from_state?: string;
  readonly to_state?: string;
  readonly who: Who;
  readonly at: string;
  readonly where: Where;
  readonly why?: { readonly reason?: string; readonly ticket_ref?: string };
  readonly request_id: string;
  readonly details?: Readonly<Record<string, unknown>>;
}

/** An entry with its links, as an actor stores it and a ledger receives it. */
export interface ChainedEntry {
  readonly entry: Entry;
  readonly prev_hash: string;
  readonly hash: string;
}

/** The `prev_hash` of a chain's first entry. */
export const GENESIS = "0".repeat(64);

/** `hex SHA-256(prev_hash + "\n" + JCS(entry))`. */
export function linkHash(prevHash: string, canonicalEntry: string): string {
  return createHash("sha256").update(`${prevHash}\n${canonicalEntry}`).digest("hex");
}

/**
 * The time of the next entry in µs since the epoch: the wall clock's milliseconds, and a logical counter in the last three
 * digits, so that an actor's times strictly rise even when its clock stands still or steps back.
 */
export function nextMicros(last: number, nowMs: number): number {
  return Math.max(nowMs * 1000, last + 1);
}

/** The audit row of something that happened. Undefined fields are absent, so that they never enter the hash. */
export function entryOf(
  happening: Happening,
  place: { readonly workspace: string; readonly actor: string; readonly seq: number; readonly micros: number },
  caller: Caller,
): Entry {
  const { from_state, to_state, details } = happening;
  const why = withoutUndefined(happening.why ?? {});
  return {
    workspace: place.workspace,
    actor: place.actor,
    seq: place.seq,
    subject_type: happening.subject_type,
    subject_id: happening.subject_id,
    action: happening.action,
    ...(from_state !== undefined && { from_state }),
    ...(to_state !== undefined && { to_state }),
    who: { ...(happening.who ?? caller.who), ...happening.acting },
    at: microsToTimestamp(place.micros),
    where: happening.where ?? caller.where,
    ...(Object.keys(why).length > 0 && { why }),
    request_id: caller.request_id,
    ...(details !== undefined && Object.keys(details).length > 0 && { details }),
  };
}

function withoutUndefined(why: NonNullable<Happening["why"]>): { reason?: string; ticket_ref?: string } {
  return {
    ...(why.reason !== undefined && { reason: why.reason }),
    ...(why.ticket_ref !== undefined && { ticket_ref: why.ticket_ref }),
  };
}
