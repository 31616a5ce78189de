/** One task: its state machine, its approvals, its execution and its own lock. Rules decide; this loads, commits, replies. */
import type { Caller } from "../actor/caller.ts";
import { idOf } from "../actor/ids.ts";
import { fail, ok, type Result } from "../actor/result.ts";
import { type Assessment, assess, type Facts } from "./assess.ts";
import { BatchedTask } from "./batched-actor.ts";
import { allowedExecutor } from "./delivery.ts";
import { cancel, comment, create, edit, mayAuthor, mayFile, patched, remove, submit } from "./drafting.ts";
import { noteResubmitted, resubmission } from "./resubmission.ts";
import { allows, type TaskRecord, taskView } from "./task.ts";
import type { TaskApi } from "./task-api.ts";
import type { CreateTask, PatchTask, SubmitTask, Task } from "./task-contract.ts";
import type { Transition, Turn } from "./transition.ts";

/** A config that is edited faster than its facts can be read. */
const MAX_REREADS = 5;

export class TaskActor extends BatchedTask implements TaskApi {
  // --- drafting and review

  async create(caller: Caller, input: CreateTask, resubmittedFrom?: string): Promise<Result<Task>> {
    const filed = mayFile(caller, input.metadata.author_id);
    if (!filed.ok) return filed;
    const executor = allowedExecutor(input.config, this.env);
    if (!executor.ok) return executor;
    const early = this.#createdBefore(caller);
    if (early !== undefined) return early;
    const known = await this.facts(input.config, { id: input.metadata.author_id, roles: rolesOf(caller, input) });
    if (!known.ok) return known;
    const late = this.#createdBefore(caller);
    if (late !== undefined) return late;
    const turn = this.turn(caller);
    const assessment = assess(input.config, known.value, turn.now);
    const id = idOf(this.place.address);
    const from = resubmittedFrom === undefined ? {} : { resubmitted_from: resubmittedFrom };
    return this.answer(turn, ok(create(id, { ...input, ...from }, assessment, known.value, turn)), taskView);
  }

  async get(): Promise<Result<Task>> {
    // Whether it is over is not known while a lock does not answer: then it is shown as it was.
    await this.overdue(Date.now());
    const task = this.present();
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
    return this.decide(caller, remove, () => null);
  }

  async cancel(caller: Caller, reason: string | null): Promise<Result<Task>> {
    await this.overdue(Date.now());
    return this.decide(caller, (task, turn) => cancel(task, reason ?? undefined, turn), taskView);
  }

  async comment(caller: Caller, body: string): Promise<Result<Task["comments"][number]>> {
    return this.decide(
      caller,
      (task, turn) => comment(task, body, turn),
      (_, done) => done.comment,
    );
  }

  async resubmission(caller: Caller): Promise<Result<Pick<CreateTask, "config" | "metadata">>> {
    const task = this.present();
    return task.ok ? resubmission(task.value, caller) : task;
  }

  async noteResubmitted(caller: Caller, newId: string): Promise<Result<null>> {
    return this.decide(
      caller,
      (task) => noteResubmitted(task, newId, caller),
      () => null,
    );
  }

  // --- internals

  #createdBefore(caller: Caller): Result<Task> | undefined {
    const replay = this.replayed<Task>(caller);
    if (replay !== undefined || this.task === undefined) return replay;
    return fail("ALREADY_EXISTS", "this Idempotency-Key made a task before", { task_id: this.task.id });
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
      const present = this.present();
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
      const executor = allowedExecutor(config, this.env);
      if (!executor.ok) return executor;
      const facts = await this.facts(config, { id: metadata.author_id, roles: task.author_roles }, people);
      if (!facts.ok) return facts;
      if (this.task !== task) continue;
      const turn = this.turn(caller);
      const assessment = assess(config, facts.value, turn.now);
      return this.answer(turn, rule(task, next.value, assessment, facts.value, turn), taskView);
    }
    return fail("REVISION_CONFLICT", "this task is being edited by somebody else, try again");
  }
}

function rolesOf(caller: Caller, input: CreateTask): readonly string[] {
  return input.metadata.author_id === caller.who.id ? caller.who.roles : [];
}
