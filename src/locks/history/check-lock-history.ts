/** Whether the clients of one lock saw a lock: the check, and its failures in words. For tests only. */
import { checkLinearizable, type Operation, type Verdict } from "./linearizable.ts";
import { type Act, actsOf } from "./lock-acts.ts";
import type { RecordedCall } from "./lock-history.ts";
import { type LockModelOptions, type LockState, lockModel } from "./lock-model.ts";

export interface LockHistoryOptions extends LockModelOptions {
  /** A call without an answer was carried out within this time, or never (ms). Default 10 s. */
  readonly patience_ms?: number;
  /** How many configurations may be looked at to decide. Default 1,000,000. */
  readonly budget?: number;
}

/** How much of a failing history's end is told. */
const ACTS_TOLD = 30;

/**
 * Checks all calls that were made on one lock. Throws RangeError if that cannot be decided within the budget, or if the
 * history is about ids that it does not contain.
 */
export function checkLockHistory(
  calls: readonly RecordedCall[],
  { patience_ms = 10_000, budget, ...options }: LockHistoryOptions = {},
): Verdict<LockState, Act> {
  const acts = actsOf(calls, patience_ms);
  return checkLinearizable(lockModel(acts, options), acts.operations, budget);
}

/** The end of the shortest failing prefix and the states that the lock can have been in before its last act. */
export function explained(verdict: Verdict<LockState, Act>): string {
  if (verdict.linearizable) return "linearizable";
  const { prefix, states } = verdict;
  const start = prefix[0]?.from ?? 0;
  const told = prefix.slice(-ACTS_TOLD);
  return [
    `not linearizable: ${prefix.length} acts, the last of which nothing explains`,
    ...(told.length < prefix.length ? [`… ${prefix.length - told.length} earlier ones`] : []),
    ...told.map((operation) => line(operation, start)),
    "the lock before the last act can have been one of",
    ...states.map((state) => `  ${JSON.stringify(state)}`),
  ].join("\n");
}

function line({ act, from, until }: Operation<Act>, start: number): string {
  const at = (ms: number) => (ms === Number.POSITIVE_INFINITY ? "…" : (ms - start).toFixed(1));
  const { do: name, ...rest } = act;
  return `  ${at(from)}–${at(until)} ms  ${name} ${JSON.stringify(rest)}`;
}
