/** A lock as the coordinator of deadlocks asks it (04-locks-and-deadlocks, "Resolution"). */
import type { Caller } from "../actor/caller.ts";
import { housekeeper } from "../actor/commit.ts";
import { idOf, parseId } from "../actor/ids.ts";
import { type Answer, type Question, verdictOf } from "../deadlocks/confirmation.ts";
import type { DeadlockNotice } from "../deadlocks/notice.ts";
import type { Snapshot } from "../deadlocks/snapshot.ts";
import type { SuspectApi } from "../deadlocks/suspect-api.ts";
import * as rules from "./lock-book.ts";
import { memberOf } from "./lock-id.ts";
import { LockShell } from "./lock-shell.ts";

export abstract class SuspectLock extends LockShell implements SuspectApi {
  async snapshot(key: string): Promise<Snapshot> {
    this.#called(key);
    return this.reporting.snapshot();
  }

  async confirm(key: string, question: Question): Promise<Answer> {
    this.#called(key);
    this.settleLock(Date.now());
    const verdict = verdictOf(this.book, question);
    const { lock, claim } = question;
    return { lock, claim, verdict, ...(verdict === "gone" && { report: this.reporting.snapshot() }) };
  }

  async letIn(key: string, claim: string): Promise<Snapshot> {
    const self = this.#called(key);
    const now = Date.now();
    this.applyStep(self, rules.letIn(this.book, memberOf(claim), now), now);
    return this.reporting.snapshot();
  }

  async abortClaim(
    key: string,
    claim: string,
    notice: DeadlockNotice,
  ): Promise<{ ended_at: number | undefined; report: Snapshot }> {
    const self = this.#called(key);
    const now = Date.now();
    const member = memberOf(claim);
    const step = rules.abort(this.book, member, now);
    this.applyStep(self, step, now, undefined, { notice });
    const ended = this.exists ? this.table.ended(member, now) : undefined;
    const ended_at = ended?.notice?.case_id === notice.case_id ? ended.at : undefined;
    return { ended_at, report: this.reporting.snapshot() };
  }

  async abortSession(
    key: string,
    session: rules.Session,
    before: number,
    known: readonly string[],
    notice: DeadlockNotice,
    ago_ms = 0,
  ): Promise<{ ids: string[]; report: Snapshot }> {
    const self = this.#called(key);
    const now = Date.now();
    // A session has one lease or claim here: what it has after that one ended is its retry.
    if (this.#endedIn(notice).length === 0) {
      const members = known.flatMap((id) => this.#ownMember(id));
      const doomed = { before: Math.min(before, now - ago_ms), members };
      this.applyStep(self, rules.abortSession(this.book, session, doomed, now), now, undefined, { notice });
    }
    return { ids: this.#endedIn(notice), report: this.reporting.snapshot() };
  }

  /** Ids of what ended here in a deadlock. */
  #endedIn({ case_id }: DeadlockNotice): string[] {
    const members = this.exists ? this.table.endedIn(case_id) : [];
    return members.map((member) => idOf(this.place.address, member));
  }

  /** Nothing for the id of another lock's. */
  #ownMember(id: string): number[] {
    const parsed = parseId(id);
    return parsed?.address === this.place.address ? [parsed.member] : [];
  }

  /** In whose name the coordinator's word is carried out. Throws if it means another lock. */
  #called(key: string): Caller {
    if (!this.identify(key)) throw new Error(`the address of ${key} belongs to another lock`);
    return housekeeper(this.place.workspace);
  }
}
