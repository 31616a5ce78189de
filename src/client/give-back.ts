/** Leases and claims that are no longer needed. */

import type { ApiClient } from "./api-client.ts";
import { isCountersignError } from "./countersign-error.ts";

const DEADLINE_MS = 10_000;

/**
 * Releases each; never rejects. What cannot be released is reported and ends by its TTL. A lease that may be lost is released
 * all the same: an id names one lease only, so nobody else's is touched (04, rule 6).
 */
export async function giveBack(client: ApiClient, lockIds: readonly string[]): Promise<void> {
  await Promise.all(
    lockIds.map(async (lock_id) => {
      try {
        await client.locks.release({ lock_id }, { deadlineMs: DEADLINE_MS });
      } catch (thrown) {
        if (isCountersignError(thrown, "LOCK_NOT_FOUND", "LOCK_EXPIRED", "DEADLOCK_DETECTED")) return;
        client.report(thrown, `releasing lock ${lock_id}`);
      }
    }),
  );
}
