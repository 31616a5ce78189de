/** A task that is applied: claims of its locks, heartbeats, its end, and its executor if it has one. */
import { type Caller, withOwnKey } from "../actor/caller.ts";
import { housekeeper } from "../actor/commit.ts";
import { fail, ok, type Result } from "../actor/result.ts";
import type { Env } from "../env.ts";
import type { SagaNews } from "../locks/saga-news.ts";
import { causeOf, log } from "../log.ts";
import { EXECUTOR } from "../users/principal-ref.ts";
import { type Assessment, assess, type Facts } from "./assess.ts";
import { complete, reportRollback, stash } from "./completion.ts";
import { lapse, leasesEndAt, renewed, timeOut, working } from "./executing.ts";
import { ExecutorRun, executorCaller } from "./executor-run.ts";
import { gatherFacts } from "./gather.ts";
import { LEASE_MS, lockKeys } from "./saga.ts";
import { SagaRun } from "./saga-run.ts";
import { type Execution, invalidState, type TaskRecord, taskView } from "./task.ts";
import type { ApplyAnswer, HeartbeatAnswer } from "./task-api.ts";
import type { CompleteTask, HeartbeatTask, RollbackReport, StashInput, Task } from "./task-contract.ts";
import { TaskShell } from "./task-shell.ts";
import { nextStepAt } from "./task-timers.ts";
import type { Transition, Turn } from "./transition.ts";

export abstract class ExecutingTask extends TaskShell {
  readonly #saga: SagaRun;
  readonly #executor: ExecutorRun;
  #proceeding = false;
  /** Something came due while an earlier step was under way. */
  #missed = false;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    const { workspace } = this.place;
    const task = () => this.task;
    this.#saga = new SagaRun({
      env,
      workspace,
      task,
      settle: (caller, transition) => this.settle(caller, transition),
      lockTask: (caller, command, along) =>
        this.ask(caller, command, along && ((tx, lock) => this.write(tx, along(lock)))),
      isFree: (command) => this.isFree(housekeeper(workspace), command),
      reassess: (turn) => this.#reassess(turn),
      turn: (caller) => this.turn(caller),
      delivered: (targets) => this.deliverEffects(targets),
    });
    this.#executor = new ExecutorRun({
      env,
      workspace,
      task,
      settle: (caller, transition) => this.settle(caller, transition),
      delivered: () => this.#givenBack(),
    });
  }

  async apply(caller: Caller, agentId: string): Promise<Result<ApplyAnswer>> {
    const replay = this.replayed<ApplyAnswer>(caller);
    if (replay !== undefined) return replay;
    const known = await this.overdue(Date.now());
    if (!known.ok) return known;
    const task = this.present();
    if (!task.ok) return task;
    if (task.value.config.executor !== undefined)
      return invalidState(task.value, "this task is applied by its executor");
    const answer = await this.#saga.apply(caller, task.value, agentId);
    if (answer.ok && caller.idempotency !== undefined) this.commit(caller, (tx) => tx.remember(answer.value));
    return answer;
  }

  async heartbeatTask(caller: Caller, input: HeartbeatTask): Promise<Result<HeartbeatAnswer>> {
    const known = await this.overdue(Date.now());
    if (!known.ok) return known;
    const task = this.present();
    if (!task.ok) return task;
    const work = working(task.value, caller, "heartbeat");
    if (!work.ok) return work;
    const leases = await this.#saga.renew(work.value, input.ttl_extension_seconds * 1000);
    if (!leases.ok && leases.error.code === "UNAVAILABLE") return leases;
    const after = this.#sameAttempt(work.value);
    if (after === undefined) return fail("TASK_LEASE_LOST", "the attempt ended meanwhile", { state: this.task?.state });
    if (!leases.ok) {
      this.settle(caller, lapse(after, leases.error.message, Date.now(), Math.random()));
      return fail("TASK_LEASE_LOST", leases.error.message, { state: this.task?.state });
    }
    this.settle(caller, renewed(after, leases.value, input));
    return ok({
      task_id: after.id,
      state: after.state,
      leases: leases.value.map(({ lock_id, expires_at }) => ({ lock_id, expires_at })),
      commands: [],
    });
  }

  async stash(
    caller: Caller,
    input: StashInput,
  ): Promise<Result<{ readonly task_id: string; readonly resource: string }>> {
    const known = await this.overdue(Date.now());
    if (!known.ok) return known;
    return this.decide(
      // A key that kept a stash for an earlier attempt has kept nothing for this one.
      withOwnKey(caller, this.task?.attempts ?? 0),
      (task) => stash(task, input, caller),
      (task) => ({ task_id: task.id, resource: input.resource }),
    );
  }

  async complete(caller: Caller, input: CompleteTask): Promise<Result<Task>> {
    return this.#end(caller, (task, turn) => complete(task, input, caller, turn.now));
  }

  async rollback(caller: Caller, input: RollbackReport): Promise<Result<Task>> {
    return this.#end(caller, (task, turn) => reportRollback(task, input, caller, turn.now));
  }

  /** Ends what is over by now, whether or not an alarm has rung. `UNAVAILABLE` while a lock that would know does not answer. */
  protected async overdue(now: number): Promise<Result<null>> {
    const task = this.task;
    const execution = task?.execution;
    if (task?.state !== "APPLYING" || execution === undefined) return ok(null);
    const self = housekeeper(this.place.workspace);
    this.settle(self, timeOut(task, now));
    if (this.task !== task || now < leasesEndAt(execution)) return ok(null);
    // The agent may have kept single leases alive by itself: their actors know.
    const leases = await this.#saga.look(execution);
    if (this.task !== task) return ok(null);
    if (!leases.ok && leases.error.code === "UNAVAILABLE") return leases;
    this.settle(self, leases.ok ? renewed(task, leases.value) : lapse(task, leases.error.message, now, Math.random()));
    return ok(null);
  }

  protected override async onOtherTimer(name: string, now: number): Promise<void> {
    const known = await this.overdue(now);
    // The timer's retry looks again.
    if (!known.ok) throw new Error(known.error.message);
    if (this.task?.saga !== undefined) await this.#saga.resume();
    if (name === "renew") await this.#renew(now);
    // An executor may take its time: nothing else of this task waits for it.
    if (name === "executor") this.ctx.waitUntil(this.proceed());
    const { task } = this;
    if (task !== undefined) this.commit(housekeeper(this.place.workspace), (tx) => this.setTimers(tx, task), now);
  }

  /** A task with an executor takes its locks, and then is delivered, without anybody asking. */
  protected override async proceed(): Promise<void> {
    const { task } = this;
    const due = task && nextStepAt(task);
    if (task === undefined || due === undefined || due > Date.now()) return;
    this.#missed = this.#proceeding;
    if (this.#proceeding) return;
    this.#proceeding = true;
    try {
      if (task.state === "APPROVED") await this.#saga.apply(executorCaller(this.place.workspace), task, EXECUTOR);
      await this.#executor.deliver(Date.now());
    } catch (thrown) {
      // The timer comes back to it.
      log("error", "executor.failed", { task: task.id, cause: causeOf(thrown) });
    } finally {
      this.#proceeding = false;
    }
    if (this.#missed) await this.proceed();
  }

  protected override async hear(caller: Caller, news: SagaNews): Promise<void> {
    const task = this.task;
    if (task === undefined) return;
    if (task.saga?.session_id === news.session_id) return this.#saga.hear(news);
    const { execution } = task;
    if (news.do !== "lease.lost" || task.state !== "APPLYING" || execution?.session_id !== news.session_id) return;
    if (!execution.leases.some(({ lock_id }) => lock_id === news.lock_id)) return;
    this.settle(caller, lapse(task, news.reason, Date.now(), Math.random()));
  }

  protected facts(
    config: TaskRecord["config"],
    author: { readonly id: string; readonly roles?: readonly string[] },
    people: readonly string[] = [],
  ): Promise<Result<Facts>> {
    const task_id = this.lockName.resource_id;
    return gatherFacts(this.env, this.place.workspace, { config, author, task_id, people });
  }

  // --- internals

  async #end(caller: Caller, rule: (task: TaskRecord, turn: Turn) => Result<Transition | null>): Promise<Result<Task>> {
    const known = await this.overdue(Date.now());
    if (!known.ok) return known;
    const done = this.decide(caller, rule, taskView);
    if (done.ok) await this.#givenBack();
    return done;
  }

  /** Waits until whatever the last attempt held has heard that it is over. */
  async #givenBack(): Promise<void> {
    const { task } = this;
    if (task?.execution !== undefined) await this.deliverEffects(lockKeys(task, task.execution));
  }

  /** What an agent does by heartbeats, the task does itself for its executor. */
  async #renew(now: number): Promise<void> {
    const execution = this.task?.state === "APPLYING" ? this.task.execution : undefined;
    if (execution?.delivery === undefined) return;
    const leases = await this.#saga.renew(execution, LEASE_MS);
    const after = this.#sameAttempt(execution);
    if (after === undefined || (!leases.ok && leases.error.code === "UNAVAILABLE")) return;
    const self = housekeeper(this.place.workspace);
    this.settle(
      self,
      leases.ok ? renewed(after, leases.value) : lapse(after, leases.error.message, now, Math.random()),
    );
  }

  /** The task, if this attempt is still under way. */
  #sameAttempt({ session_id }: Execution): TaskRecord | undefined {
    const { task } = this;
    return task?.state === "APPLYING" && task.execution?.session_id === session_id ? task : undefined;
  }

  async #reassess(turn: Turn): Promise<Result<{ facts: Facts; assessment: Assessment }>> {
    const task = this.present();
    if (!task.ok) return task;
    const { config, metadata, author_roles } = task.value;
    const facts = await this.facts(config, { id: metadata.author_id, roles: author_roles });
    return facts.ok ? ok({ facts: facts.value, assessment: assess(config, facts.value, turn.now) }) : facts;
  }
}
