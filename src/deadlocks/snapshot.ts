/**
 * What a contended lock tells the coordinator (04-locks-and-deadlocks, "Reporting"): one snapshot when its queue becomes
 * non-empty, then deltas. Plain JSON; times in ms since the epoch; leases and claims by the ids that the API gives them.
 *
 * `lock` is the key of the actor that carries the lock (`resource:database:prod/orders`). `epoch` grows with every life of
 * that actor, `seq` with every change that it reports, so that of two reports the later one is known whatever the order in
 * which they arrive.
 */
import type { LockMode } from "../locks/lock-types.ts";

export interface Holder {
  readonly agent: string;
  readonly session: string;
  readonly lease: string;
  readonly token: number;
  /** Needed to tell a wait for the holders from one for the queue only (the soft link). */
  readonly mode: LockMode;
  /** When the lease was granted. */
  readonly since: number;
}

/** A queued claim, or the upgrade that a holder waits for: then `claim` is the id of its lease and the mode exclusive. */
export interface Waiter {
  readonly agent: string;
  readonly session: string;
  readonly claim: string;
  readonly mode: LockMode;
  readonly since: number;
  readonly priority: number;
}

export interface Version {
  readonly epoch: number;
  readonly seq: number;
}

/** All of a lock. The queue in its order, upgrades first. Both lists empty: nobody waits here (any more). */
export interface Snapshot extends Version {
  readonly kind: "snapshot";
  readonly lock: string;
  readonly holders: readonly Holder[];
  readonly queue: readonly Waiter[];
}

/** What differs from `after` to `seq`: `holders` and `queue` are the new and the changed ones, each as it is at `seq`. */
export interface Delta extends Version {
  readonly kind: "delta";
  readonly lock: string;
  readonly after: number;
  readonly gone_leases: readonly string[];
  readonly gone_claims: readonly string[];
  readonly holders: readonly Holder[];
  readonly queue: readonly Waiter[];
}

export type Report = Snapshot | Delta;

/**
 * What a report is to somebody who knows a lock as of `known`: `news` to be applied, `known` already, `old`, or a `gap`:
 * something before it is missing and a snapshot is needed. A delta that begins before what is known and ends after it is
 * news: it names final states, so that applying a part of it twice does no harm.
 */
export function worthOf(report: Report, known: Version | undefined): "news" | "known" | "old" | "gap" {
  if (known !== undefined && report.epoch < known.epoch) return "old";
  if (known !== undefined && report.epoch === known.epoch) {
    if (report.seq <= known.seq) return report.seq === known.seq ? "known" : "old";
    return report.kind === "snapshot" || report.after <= known.seq ? "news" : "gap";
  }
  return report.kind === "snapshot" ? "news" : "gap";
}
