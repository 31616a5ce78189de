/** What the coordinator asks of a lock in its graph. Each call names the lock's key, and the lock settles before it answers. */
import type { ActorApi } from "../actor/actor-api.ts";
import { actorOf, type Remote } from "../actor/remote.ts";
import type { Env } from "../env.ts";
import type { Session } from "../locks/lock-types.ts";
import type { Answer, Question } from "./confirmation.ts";
import type { DeadlockNotice } from "./notice.ts";
import type { Snapshot } from "./snapshot.ts";

export interface SuspectApi extends ActorApi {
  snapshot(key: string): Promise<Snapshot>;
  /** Whether a link of a suspected cycle stands. */
  confirm(key: string, question: Question): Promise<Answer>;
  /** Lets a reader in that only the queue holds up; one that no longer qualifies stays where it is. */
  letIn(key: string, claim: string): Promise<Snapshot>;
  /**
   * Ends the victim's claim if it still waits. `ended_at`: when it did (ms), the same whenever it is asked in this case;
   * undefined: it waited no more, and nothing was done.
   */
  abortClaim(
    key: string,
    claim: string,
    notice: DeadlockNotice,
  ): Promise<{ readonly ended_at: number | undefined; readonly report: Snapshot }>;
  /**
   * Ends what the session asked for before it gave way: before the moment `before` (ms, by the clock of the lock where it did), and
   * not within the last `ago_ms` either, by this lock's own. Ends also what of it is among `known`: ids of leases and claims, others
   * are passed over. Where something ended in this case already, nothing else does. `ids`: all that ended here in it, so far.
   */
  abortSession(
    key: string,
    session: Session,
    before: number,
    known: readonly string[],
    notice: DeadlockNotice,
    ago_ms?: number,
  ): Promise<{ readonly ids: readonly string[]; readonly report: Snapshot }>;
}

export function suspectOf(env: Env, workspace: string, lock: string): Remote<SuspectApi> {
  return actorOf<SuspectApi>(env, workspace, lock);
}
