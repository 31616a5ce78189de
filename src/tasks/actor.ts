/** One task: its state machine, its approvals, its execution and its own lock. Rules decide; this loads, commits, replies. */
import type { Caller } from "../actor/caller.ts";
import { type Commit, housekeeper } from "../actor/commit.ts";
import { idOf } from "../actor/ids.ts";
import type { ChainedEntry } from "../actor/journal.ts";
import { fail, ok, type Result } from "../actor/result.ts";
import { respond } from "../approvals/decide.ts";
import { eligibility } from "../approvals/eligibility.ts";
import type { ReadModelChange } from "../db/read-model.ts";
import type { Env } from "../env.ts";
import { LockActor, type ReleaseEffect } from "../locks/lock-actor.ts";
import type { LockName } from "../locks/lock-table.ts";
import type { SagaNews } from "../locks/saga-news.ts";
import { type Assessment, assess, type Facts } from "./assess.ts";
import { complete } from "./completion.ts";
import { cancel, comment, create, edit, mayAuthor, mayFile, patched, remove, submit, type Turn } from "./drafting.ts";
import { lapse, leasesEndAt, timeOut, timeoutAt, working } from "./executing.ts";
import { gatherFacts } from "./gather.ts";
import { RENEW_MS } from "./saga.ts";
import { SagaRun } from "./saga-run.ts";
import { allows, requestView, type TaskRecord, taskView } from "./task.ts";
import type { ApplyAnswer, ApprovalAnswer, HeartbeatAnswer, RespondAnswer, TaskApi } from "./task-api.ts";
import type {
  CompleteTask,
  CreateTask,
  HeartbeatTask,
  PatchTask,
  RespondInput,
  SubmitTask,
  Task,
} from "./task-contract.ts";
import { taskRows } from "./task-rows.ts";
import { readTask, writeTask } from "./task-store.ts";
import type { Transition } from "./transition.ts";

const SAGA_TIMER = "saga";
const LEASE_TIMER = "lease";
const TIMEOUT_TIMER = "timeout";
/** A config that is edited faster than its facts can be read. */
const MAX_REREADS = 5;

export class TaskActor extends LockActor implements TaskApi {
  #task: TaskRecord | undefined;
  readonly #saga: SagaRun;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.identify(`task:${idOf(this.place.address)}`);
    this.#saga = new SagaRun({
      env,
      workspace: this.place.workspace,
      task: () => this.#task,
      settle: (caller, transition) => this.#settle(caller, transition),
      lockTask: (caller, command) => this.ask(caller, command),
      reassess: (turn) => this.#reassess(turn),
      turn: (caller) => this.#turn(caller),
      delivered: (targets) => this.deliverEffects(targets),
    });
    if (this.exists) this.#task = readTask(this.store);
  }

  // --- drafting and review

  async create(caller: Caller, input: CreateTask): Promise<Result<Task>> {
    const filed = mayFile(caller, input.metadata.author_id);
    if (!filed.ok) return filed;
    const early = this.#createdBefore(caller);
    if (early !== undefined) return early;
    const known = await this.#facts(input.config, { id: input.metadata.author_id, roles: rolesOf(caller, input) });
    if (!known.ok) return known;
    const late = this.#createdBefore(caller);
    if (late !== undefined) return late;
    const turn = this.#turn(caller);
    const assessment = assess(input.config, known.value, turn.now);
    const id = idOf(this.place.address);
    return this.#answer(turn, ok(create(id, input, assessment, known.value, turn)), taskView);
  }

  async get(): Promise<Result<Task>> {
    // Whether it is over is not known while a lock does not answer: then it is shown as it was.
    await this.#overdue(Date.now());
    const task = this.#present();
    return task.ok ? ok(taskView(task.value)) : task;
  }

  async edit(caller: Caller, patch: PatchTask, ifMatch: number | null): Promise<Result<Task>> {
    const prepare = (task: TaskRecord) =>
      ifMatch === null || ifMatch === task.revision
        ? patched(task, patch)
        : fail("PRECONDITION_FAILED", `this is revision ${task.revision} now`, { revision: task.revision });
    return this.#reviewed(caller, "edit", prepare, [], edit);
  }

  async submit(caller: Caller, input: SubmitTask): Promise<Result<Task>> {
    return this.#reviewed(caller, "submit", ok, input.requested_reviewers, (task, _, assessment, facts, turn) =>
      submit(task, input, assessment, facts, turn),
    );
  }

  async remove(caller: Caller): Promise<Result<null>> {
    return this.#command(caller, remove, () => null);
  }

  async cancel(caller: Caller, reason: string | null): Promise<Result<Task>> {
    await this.#overdue(Date.now());
    return this.#command(caller, (task, turn) => cancel(task, reason ?? undefined, turn), taskView);
  }

  async comment(caller: Caller, body: string): Promise<Result<Task["comments"][number]>> {
    return this.#command(
      caller,
      (task, turn) => comment(task, body, turn),
      (_, done) => done.comment,
    );
  }

  // --- approvals

  async approval(caller: Caller, member: number): Promise<Result<ApprovalAnswer>> {
    const id = idOf(this.place.address, member);
    const task = this.#task;
    const request = task?.requests.find((one) => one.id === id);
    if (task === undefined || task.deleted || request === undefined)
      return fail("APPROVAL_NOT_FOUND", "there is no such approval request");
    const { authors, requirements, preview, risk, config, metadata } = task;
    return ok({
      approval: requestView(request),
      task: {
        id: task.id,
        state: task.state,
        revision: task.revision,
        type: config.type,
        description: config.description,
        author_id: metadata.author_id,
      },
      preview,
      risk,
      eligibility: eligibility({ who: caller.who, request, authors, requirements }, request.status),
    });
  }

  async respond(caller: Caller, member: number, input: RespondInput): Promise<Result<RespondAnswer>> {
    if (!this.exists) return fail("APPROVAL_NOT_FOUND", "there is no such approval request");
    const id = idOf(this.place.address, member);
    return this.#command(
      caller,
      (task, turn) => respond(task, id, input, turn),
      (task) => ({ success: true, approval_id: id, task_id: task.id, task_state: task.state }),
    );
  }

  // --- execution

  async apply(caller: Caller, agentId: string): Promise<Result<ApplyAnswer>> {
    const replay = this.replayed<ApplyAnswer>(caller);
    if (replay !== undefined) return replay;
    const known = await this.#overdue(Date.now());
    if (!known.ok) return known;
    const task = this.#present();
    if (!task.ok) return task;
    const answer = await this.#saga.apply(caller, task.value, agentId);
    if (answer.ok && caller.idempotency !== undefined) this.commit(caller, (tx) => tx.remember(answer.value));
    return answer;
  }

  async heartbeatTask(caller: Caller, input: HeartbeatTask): Promise<Result<HeartbeatAnswer>> {
    const known = await this.#overdue(Date.now());
    if (!known.ok) return known;
    const task = this.#present();
    if (!task.ok) return task;
    const work = working(task.value, caller, "heartbeat");
    if (!work.ok) return work;
    const leases = await this.#saga.renew(work.value, input.ttl_extension_seconds * 1000);
    if (!leases.ok && leases.error.code === "UNAVAILABLE") return leases;
    const after = this.#task;
    if (after?.state !== "APPLYING" || after.execution?.session_id !== work.value.session_id) {
      return fail("TASK_LEASE_LOST", "the attempt ended meanwhile", { state: after?.state });
    }
    if (!leases.ok) {
      this.#settle(caller, lapse(after, leases.error.message, Date.now(), Math.random()));
      return fail("TASK_LEASE_LOST", leases.error.message, { state: this.#task?.state });
    }
    this.#beat(caller, after, leases.value, input);
    return ok({
      task_id: after.id,
      state: after.state,
      leases: leases.value.map(({ lock_id, expires_at }) => ({ lock_id, expires_at })),
      commands: [],
    });
  }

  async complete(caller: Caller, input: CompleteTask): Promise<Result<Task>> {
    const known = await this.#overdue(Date.now());
    if (!known.ok) return known;
    const done = this.#command(caller, (task, turn) => complete(task, input, caller, turn.now), taskView);
    if (done.ok) await this.deliverEffects();
    return done;
  }

  // --- what a lock's actor must say of itself

  protected override get lockName(): LockName {
    return { resource_type: "task", resource_id: idOf(this.place.address) };
  }

  protected override admit(): Result<null> {
    const task = this.#present();
    return task.ok ? ok(null) : task;
  }

  protected override get ownMigrations(): readonly string[] {
    return [];
  }

  protected override get keepsWholeJournal(): boolean {
    return true;
  }

  protected override project(entries: readonly ChainedEntry[]): readonly ReadModelChange[] {
    return [...(this.#task === undefined ? [] : taskRows(this.#task)), ...super.project(entries)];
  }

  /** News from a lock that one of this task's sagas holds or awaits. */
  protected override receiveOther(tx: Commit, caller: Caller, source: string, body: unknown): void {
    const news = body as SagaNews;
    if (news.do !== "lease.granted" && news.do !== "lease.lost") throw new Error(`a task knows no news of ${source}`);
    tx.afterwards(() => this.ctx.waitUntil(this.#hear(caller, news)));
  }

  protected override tellTask(tx: Commit, taskId: string, news: SagaNews): void {
    if (taskId === this.lockName.resource_id) {
      tx.afterwards(() => this.ctx.waitUntil(this.#hear(housekeeper(this.place.workspace), news)));
    } else super.tellTask(tx, taskId, news);
  }

  protected override async onOtherTimer(_name: string, now: number): Promise<void> {
    const known = await this.#overdue(now);
    // The timer's retry looks again.
    if (!known.ok) throw new Error(known.error.message);
    if (this.#task?.saga !== undefined) await this.#saga.resume();
    const task = this.#task;
    if (task !== undefined) this.commit(housekeeper(this.place.workspace), (tx) => this.#setTimers(tx, task), now);
  }

  // --- internals

  #present(): Result<TaskRecord> {
    if (this.#task === undefined || this.#task.deleted) return fail("TASK_NOT_FOUND", "there is no such task");
    return ok(this.#task);
  }

  #createdBefore(caller: Caller): Result<Task> | undefined {
    const replay = this.replayed<Task>(caller);
    if (replay !== undefined || this.#task === undefined) return replay;
    return fail("ALREADY_EXISTS", "this Idempotency-Key made a task before", { task_id: this.#task.id });
  }

  #turn(caller: Caller): Turn & { readonly minted: () => number } {
    let member = this.nextMember;
    const first = member;
    const mint = () => idOf(this.place.address, member++);
    return { caller, now: Date.now(), mint, minted: () => member - first };
  }

  #facts(
    config: TaskRecord["config"],
    author: { id: string; roles?: readonly string[] },
    people: readonly string[] = [],
  ): Promise<Result<Facts>> {
    const task_id = this.lockName.resource_id;
    return gatherFacts(this.env, this.place.workspace, { config, author, task_id, people });
  }

  async #reassess(turn: Turn): Promise<Result<{ facts: Facts; assessment: Assessment }>> {
    const task = this.#present();
    if (!task.ok) return task;
    const { config, metadata, author_roles } = task.value;
    const facts = await this.#facts(config, { id: metadata.author_id, roles: author_roles });
    return facts.ok ? ok({ facts: facts.value, assessment: assess(config, facts.value, turn.now) }) : facts;
  }

  /** A command that needs the world as it stands: facts are read first, and again if the task changed meanwhile. */
  async #reviewed(
    caller: Caller,
    command: "edit" | "submit",
    prepare: (task: TaskRecord) => Result<Pick<TaskRecord, "config" | "metadata"> | null>,
    people: readonly string[],
    rule: (
      task: TaskRecord,
      next: Pick<TaskRecord, "config" | "metadata">,
      assessment: Assessment,
      facts: Facts,
      turn: Turn,
    ) => Result<Transition>,
  ): Promise<Result<Task>> {
    for (let reread = 0; reread < MAX_REREADS; reread += 1) {
      const replay = this.replayed<Task>(caller);
      if (replay !== undefined) return replay;
      const present = this.#present();
      if (!present.ok) return present;
      const task = present.value;
      // Who may not, or not now, learns so before anything else is looked at.
      const may = mayAuthor(caller, task);
      if (!may.ok) return may;
      const allowed = allows(task, command);
      if (!allowed.ok) return allowed;
      const next = prepare(task);
      if (!next.ok) return next;
      if (next.value === null) return ok(taskView(task));
      const { config, metadata } = next.value;
      const facts = await this.#facts(config, { id: metadata.author_id, roles: task.author_roles }, people);
      if (!facts.ok) return facts;
      if (this.#task !== task) continue;
      const turn = this.#turn(caller);
      const assessment = assess(config, facts.value, turn.now);
      return this.#answer(turn, rule(task, next.value, assessment, facts.value, turn), taskView);
    }
    return fail("REVISION_CONFLICT", "this task is being edited by somebody else, try again");
  }

  #command<T extends Transition, V>(
    caller: Caller,
    rule: (task: TaskRecord, turn: Turn) => Result<T | null>,
    view: (task: TaskRecord, done: T) => V,
  ): Result<V> {
    const replay = this.replayed<V>(caller);
    if (replay !== undefined) return replay;
    const task = this.#present();
    if (!task.ok) return task;
    const turn = this.#turn(caller);
    const decided = rule(task.value, turn);
    if (decided.ok && decided.value === null) return ok(view(task.value, { task: task.value } as T));
    return this.#answer(turn, decided as Result<T>, view);
  }

  #answer<T extends Transition, V>(
    turn: Turn & { readonly minted: () => number },
    decided: Result<T>,
    view: (task: TaskRecord, done: T) => V,
  ): Result<V> {
    if (!decided.ok) return decided;
    const value = view(decided.value.task, decided.value);
    this.#settle(turn.caller, decided.value, turn.minted(), (tx) => tx.remember(value), turn.now);
    return ok(value);
  }

  /** Commits a transition. Effects to this very task are its own lock's. */
  #settle(
    caller: Caller,
    transition: Transition | null,
    minted = 0,
    along?: (tx: Commit) => void,
    now = Date.now(),
  ): void {
    if (transition === null) return;
    const { task, happenings, effects } = transition;
    const before = this.#task;
    this.commit(
      caller,
      (tx) => {
        tx.afterwards(() => {
          this.#task = task;
        });
        for (let n = 0; n < minted; n += 1) tx.member();
        writeTask(tx, before, task);
        for (const happening of happenings) tx.journal(happening);
        for (const { target, body } of effects) {
          if (target === this.key) this.releaseSession(tx, body as ReleaseEffect);
          else tx.effect(target, body);
        }
        this.#setTimers(tx, task);
        along?.(tx);
      },
      now,
    );
  }

  /** Timers follow from the state; nothing else sets them. */
  #setTimers(tx: Commit, task: TaskRecord): void {
    const { saga } = task;
    const execution = task.state === "APPLYING" ? task.execution : undefined;
    tx.timer(SAGA_TIMER, saga && (saga.resting_until ?? Math.min(tx.now + RENEW_MS, saga.deadline)));
    tx.timer(TIMEOUT_TIMER, execution && timeoutAt(task, execution));
    // Heartbeats move the leases' end all the time: an early alarm looks again.
    if (execution === undefined) tx.timer(LEASE_TIMER, undefined);
    else tx.timerBy(LEASE_TIMER, leasesEndAt(execution));
  }

  /** Ends what is over by now, whether or not an alarm has rung. `UNAVAILABLE` while a lock that would know does not answer. */
  async #overdue(now: number): Promise<Result<null>> {
    const task = this.#task;
    const execution = task?.execution;
    if (task?.state !== "APPLYING" || execution === undefined) return ok(null);
    const self = housekeeper(this.place.workspace);
    this.#settle(self, timeOut(task, now));
    if (this.#task !== task || now < leasesEndAt(execution)) return ok(null);
    // The agent may have kept single leases alive by itself: their actors know.
    const leases = await this.#saga.look(execution);
    if (this.#task !== task) return ok(null);
    if (!leases.ok && leases.error.code === "UNAVAILABLE") return leases;
    if (!leases.ok) this.#settle(self, lapse(task, leases.error.message, now, Math.random()));
    else
      this.#settle(self, {
        task: { ...task, execution: { ...execution, leases: leases.value } },
        happenings: [],
        effects: [],
      });
    return ok(null);
  }

  #beat(
    caller: Caller,
    task: TaskRecord,
    leases: NonNullable<TaskRecord["execution"]>["leases"],
    input: HeartbeatTask,
  ): void {
    if (task.execution === undefined) return;
    const { progress, message } = input;
    const told = progress !== undefined || message !== undefined;
    const happenings = told
      ? [
          {
            action: "task.progress",
            subject_type: "task",
            subject_id: task.id,
            details: { ...(progress !== undefined && { progress }), ...(message !== undefined && { message }) },
            audit: false,
          },
        ]
      : [];
    this.#settle(caller, { task: { ...task, execution: { ...task.execution, leases } }, happenings, effects: [] });
  }

  async #hear(caller: Caller, news: SagaNews): Promise<void> {
    const task = this.#task;
    if (task === undefined) return;
    if (task.saga?.session_id === news.session_id) return this.#saga.hear(news);
    const { execution } = task;
    if (news.do !== "lease.lost" || task.state !== "APPLYING" || execution?.session_id !== news.session_id) return;
    if (!execution.leases.some(({ lock_id }) => lock_id === news.lock_id)) return;
    this.#settle(caller, lapse(task, news.reason, Date.now(), Math.random()));
  }
}

function rolesOf(caller: Caller, input: CreateTask): readonly string[] {
  return input.metadata.author_id === caller.who.id ? caller.who.roles : [];
}
