/**
 * Drives an apply saga for its task (docs/design/apply-saga.md): one run at a time, every call repeatable, so that a crash
 * between any two steps is resumed by running from the first step again. Its dependencies are arguments.
 */

import { type Caller, withoutKey } from "../actor/caller.ts";
import { housekeeper } from "../actor/commit.ts";
import { parseId } from "../actor/ids.ts";
import { actorAt } from "../actor/remote.ts";
import { fail, ok, type Result } from "../actor/result.ts";
import { agentOf } from "../agents/agent-api.ts";
import type { Env } from "../env.ts";
import type { Lease, Lock } from "../locks/contract.ts";
import { type AcquireCommand, type LockApi, type ResourceState, resourceOf } from "../locks/lock-api.ts";
import { leaseView } from "../locks/lock-view.ts";
import type { SagaNews } from "../locks/saga-news.ts";
import { causeOf, log } from "../log.ts";
import type { Assessment, Facts } from "./assess.ts";
import { beginExecution, drifted } from "./executing.ts";
import { computePreview, sameChanges } from "./preview.ts";
import {
  abandons,
  beginSaga,
  LEASE_MS,
  lockKeys,
  queueOf,
  releaseSaga,
  rests,
  type Step,
  stepsOf,
  waitsFor,
} from "./saga.ts";
import { type Execution, invalidState, type Saga, type TaskRecord, taskView } from "./task.ts";
import type { ApplyAnswer } from "./task-api.ts";
import type { Transition, Turn } from "./transition.ts";

/** A change that drifted but finds no reviewers would be claimed again at once. */
const STUCK_PAUSE_MS = 60_000;

const OWN: Step = { kind: "task" };

interface Dependencies {
  readonly env: Env;
  readonly workspace: string;
  readonly task: () => TaskRecord | undefined;
  readonly settle: (caller: Caller, transition: Transition | null) => void;
  /** Asks for the task's own lock; if that is granted now, `along` becomes part of the same commit. */
  readonly lockTask: (caller: Caller, command: AcquireCommand, along?: (lock: Lock) => Transition) => Result<Lock>;
  /** Whether the task's own lock would be granted now to a session that has no claim of it yet. */
  readonly isFree: (command: AcquireCommand) => boolean;
  readonly reassess: (turn: Turn) => Promise<Result<{ facts: Facts; assessment: Assessment }>>;
  readonly turn: (caller: Caller) => Turn;
  readonly delivered: (targets: readonly string[]) => Promise<boolean>;
}

interface Taken {
  readonly lease: Lease;
  readonly state?: ResourceState;
}

/** What an uncontended run holds but for the task's own lock, which is free and comes with the commit that begins the execution. */
interface Holding {
  readonly taken: readonly Taken[];
  /** where in the order of `taken` the task's own lock belongs; undefined if it is among them */
  readonly own?: number | undefined;
}

type StepAnswer =
  | { readonly kind: "held"; readonly taken: Taken }
  | { readonly kind: "queued"; readonly lock: Lock }
  | { readonly kind: "failed"; readonly result: Result<never> };

export class SagaRun {
  readonly #deps: Dependencies;
  #running: Promise<Result<ApplyAnswer>> | undefined;

  constructor(deps: Dependencies) {
    this.#deps = deps;
  }

  /** Takes the locks for this agent and begins the execution; or queues, or says why not. The same call again: the same answer. */
  async apply(caller: Caller, task: TaskRecord, agentId: string): Promise<Result<ApplyAnswer>> {
    const { execution } = task;
    if (task.state === "APPLYING" && execution !== undefined) {
      if (execution.agent_id === agentId) return ok(answerOf(task));
      return invalidState(task, "another agent applies this task", { agent_id: execution.agent_id });
    }
    const begun = beginSaga(task, agentId, crypto.randomUUID(), Date.now());
    if (!begun.ok) return begun;
    if (begun.value.fresh) {
      if (!(await this.#isLetGo(task, begun.value.saga))) return unreachable();
      const current = this.#deps.task();
      // Somebody was faster.
      if (current !== undefined && current !== task) return this.apply(caller, current, agentId);
      this.#deps.settle(caller, { task: begun.value.task, happenings: [], effects: [] });
    }
    const answer = await this.#run(caller);
    const after = this.#deps.task() ?? task;
    const applier = after.state === "APPLYING" ? after.execution?.agent_id : after.saga?.agent_id;
    // A try that rested may have been taken over meanwhile.
    if (!answer.ok || applier === undefined || applier === agentId) return answer;
    return invalidState(after, `agent ${applier} is applying this task`, { agent_id: applier });
  }

  /** From the alarm: renew what is held, look at what is awaited, give up in time. */
  async resume(): Promise<void> {
    const task = this.#deps.task();
    const saga = task?.saga;
    if (task === undefined || saga === undefined) return;
    const now = Date.now();
    const self = housekeeper(this.#deps.workspace);
    if (saga.resting_until !== undefined) {
      if (saga.resting_until > now) return;
      if (!(await this.#isLetGo(task, saga))) return;
      const current = this.#deps.task();
      if (current?.saga?.nonce !== saga.nonce) return;
      const begun = beginSaga(current, saga.agent_id, crypto.randomUUID(), Date.now());
      if (!begun.ok) return;
      const { tries } = saga;
      const again = { ...begun.value.saga, tries };
      this.#deps.settle(self, { task: { ...begun.value.task, saga: again }, happenings: [], effects: [] });
    } else if (saga.deadline <= now) {
      return this.#deps.settle(self, rests(task, now, Math.random()));
    }
    const outcome = await this.#run(self);
    if (!outcome.ok) log("warn", "saga.not_resumed", { task: task.id, code: outcome.error.code });
  }

  async hear(news: SagaNews): Promise<void> {
    const task = this.#deps.task();
    if (task?.saga === undefined || task.saga.resting_until !== undefined) return;
    if (news.do === "lease.granted") await this.#run(housekeeper(this.#deps.workspace));
    else this.#deps.settle(housekeeper(this.#deps.workspace), rests(task, Date.now(), Math.random()));
  }

  /** Extends every lease of an execution; an error says which one is lost. */
  async renew(execution: Execution, extensionMs: number): Promise<Result<Lease[]>> {
    // In the task's own name: it holds them for its agent, whoever says that the work goes on.
    const self = housekeeper(this.#deps.workspace);
    return this.#each(execution, (actor, member) => actor.heartbeat(self, member, extensionMs));
  }

  /** What the leases of an execution are really like; an error says which one is lost. */
  async look(execution: Execution): Promise<Result<Lease[]>> {
    return this.#each(execution, (actor, member) => actor.readLock(housekeeper(this.#deps.workspace), member));
  }

  async #each(
    execution: Execution,
    call: (actor: Pick<LockApi, "heartbeat" | "readLock">, member: number) => Promise<Result<Lock>>,
  ): Promise<Result<Lease[]>> {
    const answers = await Promise.all(
      execution.leases.map(async (lease) => {
        const parsed = parseId(lease.lock_id);
        if (parsed === null) throw new Error(`${lease.lock_id} is no id of ours`);
        const actor = actorAt<LockApi>(this.#deps.env, this.#deps.workspace, parsed.kind, parsed.address);
        const answer = await call(actor, parsed.member).catch((thrown: unknown) => unreachable(thrown));
        return { lease, answer };
      }),
    );
    const leases: Lease[] = [];
    let silent: Result<never> | undefined;
    for (const { lease, answer } of answers) {
      if (answer.ok && answer.value.status === "held") leases.push(leaseView(answer.value));
      else if (!answer.ok && answer.error.code === "UNAVAILABLE") silent = answer;
      else return fail("TASK_LEASE_LOST", `${lease.resource_type} ${lease.resource_id} is no longer held`);
    }
    return silent ?? ok(leases);
  }

  async #run(caller: Caller): Promise<Result<ApplyAnswer>> {
    while (this.#running !== undefined) await this.#running;
    const run = this.#steps(caller);
    this.#running = run;
    try {
      return await run;
    } finally {
      if (this.#running === run) this.#running = undefined;
    }
  }

  async #steps(caller: Caller): Promise<Result<ApplyAnswer>> {
    const task = this.#deps.task();
    const saga = task?.saga;
    if (task === undefined || saga === undefined || saga.resting_until !== undefined) return this.#asItStands();
    const taken: Taken[] = [];
    let own: number | undefined;
    for (const step of stepsOf(task.config, saga.agent_id)) {
      if (step.kind === "task" && this.#deps.isFree(commandOf(saga, step))) {
        own = taken.length;
        continue;
      }
      const answer = await this.#take(caller, saga, step);
      const current = this.#current(saga);
      if (current === undefined) {
        // Cancelled, edited or given up meanwhile: what this call took belongs to nobody.
        this.#letGo(task, saga);
        return this.#asItStands();
      }
      if (answer.kind === "failed") {
        const now = Date.now();
        const goesOn = caller.who.kind === "system" && isPassing(answer.result);
        this.#deps.settle(caller, goesOn ? rests(current, now, Math.random()) : abandons(current, now + 1_000));
        return answer.result;
      }
      if (answer.kind === "queued") {
        const { resource_type, resource_id, queue_position = 1 } = answer.lock;
        this.#deps.settle(caller, waitsFor(current, { resource_type, resource_id, queue_position }));
        return this.#asItStands();
      }
      taken.push(answer.taken);
    }
    return this.#begin(caller, saga, { taken, own });
  }

  async #begin(caller: Caller, saga: Saga, { taken, own }: Holding): Promise<Result<ApplyAnswer>> {
    const task = this.#current(saga);
    if (task === undefined) return this.#asItStands();
    // Somebody took it meanwhile: it is waited for like any other.
    if (own !== undefined && !this.#deps.isFree(commandOf(saga, OWN))) return this.#steps(caller);
    const leases = taken.map(({ lease }) => lease);
    const resources = Object.fromEntries(
      taken.flatMap(({ lease, state }) => (state === undefined ? [] : [[lease.resource_id, state]])),
    );
    const fresh = computePreview(task.config, { resources, dependents: {}, active: {} });
    if (saga.skip_drift || sameChanges(task.preview, fresh)) {
      // Whoever skips the check still leaves behind what is true of the resources as they are now.
      const { changes, resource_revisions } = fresh;
      const preview = saga.skip_drift ? { ...task.preview, changes, resource_revisions } : task.preview;
      const begun = (held: readonly Lease[]) => beginExecution({ ...task, preview }, saga, held, Date.now());
      if (own === undefined) this.#deps.settle(caller, begun(leases));
      else {
        this.#deps.lockTask(withoutKey(caller), commandOf(saga, OWN), (lock) =>
          begun(leases.toSpliced(own, 0, leaseView(lock))),
        );
      }
      return this.#asItStands();
    }
    const known = await this.#deps.reassess(this.#deps.turn(caller));
    const current = this.#current(saga);
    if (current === undefined) return this.#asItStands();
    const turn = this.#deps.turn(caller);
    const { value } = known.ok ? known : { value: undefined };
    const review = value && drifted(current, saga, value.assessment, value.facts, turn);
    if (review === undefined || !review.ok) {
      this.#deps.settle(caller, abandons(current, Date.now() + STUCK_PAUSE_MS));
      return review === undefined ? (known as Result<never>) : review;
    }
    this.#deps.settle(caller, review.value);
    return fail("DRIFTED", "the resources changed since the approval; the task is under review again", {
      state: review.value.task.state,
      revision: review.value.task.revision,
    });
  }

  async #take(caller: Caller, saga: Saga, step: Step): Promise<StepAnswer> {
    const command = commandOf(saga, step);
    const plain = withoutKey(caller);
    try {
      const { env, workspace } = this.#deps;
      if (step.kind === "task") return answered(this.#deps.lockTask(plain, command));
      if (step.kind === "agent") {
        return answered(await agentOf(env, workspace, saga.agent_id).acquire(plain, step.target, command));
      }
      const got = await resourceOf(env, workspace, step.key).take(plain, step.target, command);
      return got.ok ? answered(ok(got.value.lock), got.value.state) : answered(got);
    } catch (thrown) {
      return { kind: "failed", result: unreachable(thrown) };
    }
  }

  /** Whether what an earlier try of this session held is free: else its release would still hit the new claims. */
  #isLetGo(task: TaskRecord, saga: Saga): Promise<boolean> {
    return this.#deps.delivered(lockKeys(task, saga));
  }

  /** The task, if this very try is still under way. */
  #current(saga: Saga): TaskRecord | undefined {
    const task = this.#deps.task();
    return task?.saga?.nonce === saga.nonce && task.saga.resting_until === undefined ? task : undefined;
  }

  #letGo(task: TaskRecord, saga: Saga): void {
    const current = this.#deps.task();
    const sameSession =
      current?.saga?.session_id === saga.session_id || current?.execution?.session_id === saga.session_id;
    if (current === undefined || sameSession) return;
    this.#deps.settle(housekeeper(this.#deps.workspace), {
      task: current,
      happenings: [],
      effects: releaseSaga(task, saga),
    });
  }

  /** The answer that the task gives now, whatever this run came to. */
  #asItStands(): Result<ApplyAnswer> {
    const task = this.#deps.task();
    if (task === undefined) return fail("TASK_NOT_FOUND", "there is no such task");
    if (task.state === "APPLYING" || task.saga !== undefined) return ok(answerOf(task));
    return invalidState(task, "the apply was called off meanwhile");
  }
}

function commandOf(saga: Saga, step: Step): AcquireCommand {
  return {
    agent_id: saga.agent_id,
    session_id: saga.session_id,
    mode: step.kind === "resource" ? step.mode : "exclusive",
    ttl_ms: LEASE_MS,
    wait_ms: Math.max(1_000, saga.deadline - Date.now()),
    priority: 50,
    hold_ms: 0,
  };
}

/** Whether it may be different in a moment. Whoever asked is told and may ask again; a saga that goes on by itself comes again. */
function isPassing(result: Result<unknown>): boolean {
  return !result.ok && (result.error.code === "UNAVAILABLE" || result.error.code === "QUEUE_FULL");
}

function unreachable(thrown?: unknown): Result<never> {
  if (thrown !== undefined) log("error", "saga.lock_unreachable", { cause: causeOf(thrown) });
  return fail("UNAVAILABLE", "a lock could not be reached, try again", { retry_after_seconds: 1 });
}

function answered(result: Result<Lock>, state?: ResourceState): StepAnswer {
  if (!result.ok) return { kind: "failed", result };
  if (result.value.status === "queued") return { kind: "queued", lock: result.value };
  return { kind: "held", taken: { lease: leaseView(result.value), ...(state !== undefined && { state }) } };
}

function answerOf(task: TaskRecord): ApplyAnswer {
  return {
    task: taskView(task),
    leases: task.state === "APPLYING" ? (task.execution?.leases ?? []) : [],
    queue: task.saga === undefined ? [] : queueOf(task.saga),
  };
}
