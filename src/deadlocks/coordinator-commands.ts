/** Carries out what the coordination decides: calls to locks, whose answers it hands back (04, "Resolution"). */
import { backoffMs } from "../actor/timers.ts";
import { within } from "../actor/within.ts";
import type { Env } from "../env.ts";
import type { Session } from "../locks/lock-types.ts";
import { causeOf, log } from "../log.ts";
import type { Question } from "./confirmation.ts";
import type { Coordination } from "./coordination.ts";
import type { Sweep } from "./coordinator-store.ts";
import { type DeadlockNotice, firstNotice, noticeOf } from "./notice.ts";
import type { Case, Command, DoomedCase, GaveWay, Resolved } from "./resolution.ts";
import { suspectOf } from "./suspect-api.ts";

/** What a confirmed deadlock came to, to be stored in one commit. */
export interface Conclusion extends Sweep {
  readonly resolved: Resolved;
  /** Locks where something of the victim ended. */
  readonly told: readonly string[];
}

interface Dependencies {
  readonly env: Env;
  readonly workspace: string;
  readonly coordination: () => Coordination;
  /** Goes on with what the coordination decided. */
  readonly follow: (commands: readonly Command[]) => void;
  /** The victim waited no more: the stored case is void. */
  readonly dropped: (doomed: DoomedCase) => void;
  readonly concluded: (conclusion: Conclusion) => void;
}

/** What has not answered by then may never: a case must not stay open for it. All calls may be repeated. */
const ANSWER_MS = 10_000;
const FIRST_RETRY_MS = 100;
const LAST_RETRY_MS = 5_000;
/** A lock of the victim that does not answer that often is left to the second sweep. */
const RELEASE_TRIES = 4;

export class CoordinatorCommands {
  readonly #deps: Dependencies;

  constructor(deps: Dependencies) {
    this.#deps = deps;
  }

  /** Undefined for what is only stored. */
  carryOut(command: Command): Promise<void> | undefined {
    switch (command.do) {
      case "remember_lock":
      case "forget_lock":
        return undefined;
      case "ask_snapshot":
        return this.#ask(command.lock);
      case "let_in":
        return this.#letIn(command.case, command.lock, command.claim);
      case "confirm":
        return this.#confirm(command.case, command.questions);
      case "abort":
        return this.#abort(command.case);
      case "release":
        return this.#release(command.case, command);
    }
  }

  /** Ends what the victim held that the first pass did not find; false if a lock, or the read model, did not answer. */
  async sweep({ case: doomed, before, heard_at, notice }: Sweep): Promise<boolean> {
    const known = await this.#reached("the read model", () => this.#locksOf(doomed.victim));
    const locks = new Set([...doomed.locks, ...(known ?? [])]);
    const answers = await this.#abortSession(locks, doomed, { before, heard_at }, notice, 1);
    for (const { report } of answers) this.#report((coordination, now) => coordination.report(report, now));
    return known !== undefined && answers.length === locks.size;
  }

  async #ask(lock: string): Promise<void> {
    const report = await this.#reached(lock, () => this.#suspect(lock).snapshot(lock));
    if (report !== undefined) this.#report((coordination, now) => coordination.report(report, now));
  }

  async #letIn(one: Case, lock: string, claim: string): Promise<void> {
    const report = await this.#reached(lock, () => this.#suspect(lock).letIn(lock, claim));
    this.#report((coordination, now) => coordination.letIn(one, claim, report, now));
  }

  async #confirm(one: Case, questions: readonly Question[]): Promise<void> {
    const answers = await Promise.all(
      questions.map((question) => {
        const { lock } = question;
        return this.#reached(lock, () => this.#suspect(lock).confirm(lock, question));
      }),
    );
    const given = answers.filter((answer) => answer !== undefined);
    this.#report((coordination, now) => coordination.answered(one, given, now));
  }

  async #abort(doomed: DoomedCase): Promise<void> {
    const { lock, claim } = doomed.victim;
    const abort = () => this.#suspect(lock).abortClaim(lock, claim, firstNotice(doomed));
    const answer = await this.#reached(lock, abort, Number.POSITIVE_INFINITY);
    if (answer === undefined) return;
    if (answer.ended_at === undefined) this.#deps.dropped(doomed);
    this.#report((coordination, now) => coordination.aborted(doomed, answer.ended_at, answer.report, now));
  }

  async #release(doomed: DoomedCase, { before, heard_at }: GaveWay): Promise<void> {
    const { victim } = doomed;
    const known = await this.#reached("the read model", () => this.#locksOf(victim));
    const locks = new Set([...doomed.locks, ...(known ?? [])]);
    const answers = await this.#abortSession(locks, doomed, { before, heard_at }, firstNotice(doomed), RELEASE_TRIES);
    const ids = new Set([victim.claim, ...answers.flatMap((answer) => answer.ids)]);
    const reports = answers.map(({ report }) => report);
    const now = Date.now();
    const { resolved, commands } = this.#deps.coordination().released(doomed, [...ids], reports, now, Math.random());
    const told = new Set([victim.lock, ...answers.flatMap(({ lock, ids }) => (ids.length > 0 ? [lock] : []))]);
    const notice = noticeOf(doomed, resolved.deadlock, resolved.retry_after_ms);
    this.#deps.concluded({ case: doomed, before, heard_at, notice, resolved, told: [...told] });
    this.#deps.follow(commands);
  }

  async #abortSession(
    locks: Iterable<string>,
    { victim: { agent_id, session_id }, ids }: DoomedCase,
    { before, heard_at }: GaveWay,
    notice: DeadlockNotice,
    tries: number,
  ) {
    const session = { agent_id, session_id };
    const answers = await Promise.all(
      [...locks].map(async (lock) => {
        const abort = () => {
          return this.#suspect(lock).abortSession(lock, session, before, ids, notice, Date.now() - heard_at);
        };
        const answer = await this.#reached(lock, abort, tries);
        return answer === undefined ? [] : [{ lock, ...answer }];
      }),
    );
    return answers.flat();
  }

  /** Where the read model knows the session to hold or await something: keys of locks. */
  async #locksOf({ agent_id, session_id }: Session): Promise<string[]> {
    const { results } = await this.#deps.env.DB.prepare(
      "SELECT DISTINCT resource_type, resource_id FROM locks WHERE workspace = ?1 AND agent_id = ?2 AND session_id = ?3",
    )
      .bind(this.#deps.workspace, agent_id, session_id)
      .all<{ resource_type: string; resource_id: string }>();
    return results.map(({ resource_type, resource_id }) => `${resource_type}:${resource_id}`);
  }

  /** The answer, after as many tries as it takes; undefined once all failed. */
  async #reached<T>(what: string, call: () => Promise<T>, tries = 1): Promise<T | undefined> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await within(call(), ANSWER_MS);
      } catch (thrown) {
        log("warn", "deadlock.unreachable", { what, attempt, cause: causeOf(thrown) });
      }
      if (attempt >= tries) return undefined;
      await scheduler.wait(backoffMs(attempt, Math.random(), FIRST_RETRY_MS, LAST_RETRY_MS));
    }
  }

  #report(tell: (coordination: Coordination, now: number) => Command[]): void {
    this.#deps.follow(tell(this.#deps.coordination(), Date.now()));
  }

  #suspect(lock: string) {
    return suspectOf(this.#deps.env, this.#deps.workspace, lock);
  }
}
