import type { DeadlockInfo } from "./contract.ts";

/** GET /locks/deadlocks shows at most these; the trail keeps them all. */
export const DEADLOCKS_KEPT = 1_000;

/** The history, newest first, with one more deadlock. */
export function withDeadlock(history: readonly DeadlockInfo[], deadlock: DeadlockInfo): readonly DeadlockInfo[] {
  return [deadlock, ...history.slice(0, DEADLOCKS_KEPT - 1)];
}
