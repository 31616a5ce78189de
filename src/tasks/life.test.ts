import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { JsonObject } from "../wire.ts";
import { working } from "./executing.ts";
import { type Command, running, type Script, script, World } from "./life.fixture.ts";
import { stepsOf } from "./saga.ts";
import { agent, freed, steps, TASK_ID, told } from "./task.fixture.ts";
import { type TaskRecord, taskView } from "./task.ts";
import { Task } from "./task-contract.ts";
import type { Transition } from "./transition.ts";

/** Every edge of 03, as 05 journals it. */
const EDGES = [
  "task.created >DRAFT",
  "task.deleted DRAFT>",
  "task.updated DRAFT>DRAFT",
  "task.submitted DRAFT>SUBMITTED",
  "task.reviewing SUBMITTED>REVIEWING",
  "task.auto_approved SUBMITTED>APPROVED",
  "task.updated REVIEWING>REVIEWING",
  "task.approved REVIEWING>APPROVED",
  "task.rejected REVIEWING>REJECTED",
  "task.changes_requested REVIEWING>DRAFT",
  "task.cancelled DRAFT>CANCELLED",
  "task.cancelled REVIEWING>CANCELLED",
  "task.cancelled APPROVED>CANCELLED",
  "task.applying APPROVED>APPLYING",
  "task.drifted APPROVED>REVIEWING",
  "task.retrying APPLYING>APPROVED",
  "task.completed APPLYING>COMPLETED",
  "task.timed_out APPLYING>COMPLETED",
];

const FINISHED: readonly string[] = ["COMPLETED", "REJECTED", "CANCELLED"];

/** A task in the world, and what an honest bystander notes of its life. */
class Life {
  task: TaskRecord;
  readonly trail: string[] = [];
  readonly #world = new World();
  #ready = false;
  #submitted = false;
  /** noted when somebody edits, whatever the task says of it */
  readonly #authors = new Set(["alice"]);
  readonly #held = new Set<string>();
  readonly #lost = new Set<string>();

  constructor() {
    const made = this.#world.draft();
    this.task = frozen(made.task);
    this.trail.push(...steps(made));
  }

  /** Gives a command and checks all that must hold then. */
  step(given: Command, ms: number): void {
    this.#world.now += ms;
    const before = this.task;
    const result = this.#world.give(this.task, given);
    this.trail.push(result.ok ? "" : result.error.code);
    if (!result.ok || result.value === null) return;
    const { task, happenings, effects } = result.value;
    this.task = frozen(task);
    const edges = steps({ happenings }).filter((step) => step.includes(">"));
    this.trail.push(...edges);
    if (given.do === "edit") this.#authors.add(given.who);

    this.#checkEdges(before, edges);
    this.#checkRevision(before, edges);
    this.#checkReview();
    if (edges.some((edge) => edge.startsWith("task.approved"))) this.#checkQuorum();
    this.#checkDispatch(before, told(effects, "dispatch") as { do: string }[]);
    this.#checkLocks(before, effects);
    this.#checkLost(edges);
  }

  /** Whoever reads the trail is led from the state before to the state after, along edges that exist. */
  #checkEdges(before: TaskRecord, edges: readonly string[]): void {
    let at: string = before.state;
    for (const edge of edges) {
      expect(EDGES).toContain(edge);
      const [from = "", to = ""] = (edge.split(" ")[1] ?? "").split(">");
      expect(from).toBe(at);
      at = to;
    }
    expect(this.task.deleted ? "" : this.task.state).toBe(at);
    if (FINISHED.includes(before.state)) expect(edges).toEqual([]);
  }

  /** It rises by one with every edit, drift and further submission, and with nothing else. */
  #checkRevision(before: TaskRecord, edges: readonly string[]): void {
    const [submits, rises] = [/^task.submitted/, /^task.(updated|drifted)/].map((told) =>
      edges.some((edge) => told.test(edge)),
    );
    expect(this.task.revision).toBe(before.revision + (rises || (submits && this.#submitted) ? 1 : 0));
    this.#submitted ||= submits === true;
  }

  #checkReview(): void {
    const { state, requests, decisions, revision } = this.task;
    const open = requests.filter(({ status }) => status === "PENDING");
    if (state !== "REVIEWING") expect(open).toEqual([]);
    for (const request of open) {
      expect(request.revision).toBe(revision);
      expect(this.#authors).not.toContain(request.reviewer_id);
    }
    expect(new Set(requests.map(({ id }) => id)).size).toBe(requests.length);
    for (const decision of decisions) {
      expect(decision.revision).toBe(revision);
      expect(this.#authors).not.toContain(decision.reviewer_id);
    }
  }

  /** By distinct eligible people who are no authors, on this very revision, as the bystander saw it. */
  #checkQuorum(): void {
    const { requirements, revision } = this.task;
    const seen = this.#world.approvals.filter((one) => one.revision === revision);
    expect(requirements.length).toBeGreaterThan(0);
    expect(this.task.auto_approved).toBe(false);
    for (const { min_approvers, required_roles, required_reviewers, approved_by } of requirements) {
      const eligible = seen.filter(({ id, roles, request }) => {
        const own = request.reviewer_id === id;
        const held = required_roles.length === 0 || required_roles.some((role) => roles.includes(role));
        if (own && required_reviewers.includes(id)) return true;
        return held && (roles.includes("reviewer") || (!own && roles.includes("admin")));
      });
      const people = new Set(eligible.map(({ id }) => id));
      expect(people.size).toBeGreaterThanOrEqual(min_approvers);
      expect(new Set(approved_by)).toEqual(people);
      for (const author of this.#authors) expect(people).not.toContain(author);
      for (const required of required_reviewers) expect(people).toContain(required);
    }
  }

  /** APPROVED is announced once, leaving it is told once; what nobody applies can be claimed, and nothing else can. */
  #checkDispatch(before: TaskRecord, words: readonly { readonly do: string }[]): void {
    const said = words.map((word) => word.do);
    const { state, saga } = this.task;
    if (before.state !== "APPROVED" && state === "APPROVED") expect(said).toEqual(["task.ready"]);
    if (before.state === "APPROVED" && state !== "APPROVED") {
      expect(said).toEqual([state === "APPLYING" ? expect.stringMatching(/^task\.(gone|granted)$/) : "task.gone"]);
    }
    if (before.state !== "APPROVED" && state !== "APPROVED") expect(said).toEqual([]);
    if (said.length > 0) this.#ready = said.at(-1) === "task.ready";
    if (state !== "APPROVED") expect(this.#ready).toBe(false);
    else if (saga === undefined) expect(this.#ready).toBe(true);
  }

  /** Whatever a session may hold is freed when its apply or execution ends; only the current one may hold anything. */
  #checkLocks(before: TaskRecord, effects: Transition["effects"]): void {
    const { execution, state, config } = this.task;
    const worker = state === "APPLYING" ? execution : running(this.task);
    const name = (target: string, of: { agent_id: string; session_id: string }) =>
      `${target} ${of.agent_id} ${of.session_id}`;
    for (const { target, body } of effects) {
      if (freed([{ target, body }]).length > 0)
        this.#held.delete(name(target, body as { agent_id: string; session_id: string }));
    }
    if (worker !== undefined && before.state === "APPROVED") {
      for (const lock of stepsOf(config, worker.agent_id)) {
        this.#held.add(name(lock.kind === "task" ? `task:${TASK_ID}` : lock.target, worker));
      }
    }
    if (worker === undefined) expect([...this.#held]).toEqual([]);
    else for (const lock of this.#held) expect(lock.endsWith(` ${worker.agent_id} ${worker.session_id}`)).toBe(true);
    if (FINISHED.includes(state) && before.state === "APPLYING") {
      expect(freed(effects)).toHaveLength(stepsOf(config, execution?.agent_id ?? "").length);
    }
    for (const { body } of effects) {
      const applied = body as { do: string; attributes?: JsonObject };
      if (applied.do !== "resource.applied") continue;
      expect([state, execution?.result]).toEqual(["COMPLETED", "success"]);
      this.#world.apply(applied.attributes);
    }
  }

  #checkLost(edges: readonly string[]): void {
    const { config, execution, state, lost_by = [] } = this.task;
    if (execution === undefined) return;
    if (edges.some((edge) => edge.startsWith("task.applying"))) this.#lost.delete(execution.agent_id);
    if (edges.some((edge) => edge.startsWith("task.retrying"))) {
      this.#lost.add(execution.agent_id);
      expect(execution.attempt).toBeLessThan(config.max_attempts);
    }
    for (const lost of this.#lost) {
      expect(lost_by).toContain(lost);
      const beat = working(this.task, agent(lost), "heartbeat");
      expect(beat.ok ? "ok" : beat.error.code).toBe("TASK_LEASE_LOST");
    }
    if (state === "APPLYING") expect(working(this.task, agent(execution.agent_id), "heartbeat").ok).toBe(true);
  }
}

/** A rule that changed what it was given would throw. */
function frozen<T>(value: T): T {
  if (typeof value === "object" && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    Object.values(value).forEach(frozen);
  }
  return value;
}

function live(commands: Script): Life {
  const life = new Life();
  for (const [given, ms] of commands) life.step(given, ms);
  return life;
}

describe("the life of a task, whoever gives it which commands in whatever order", () => {
  test("stays within the table, the quorum and its locks, and is a Task of the API at its end", () => {
    fc.assert(
      fc.property(script, (commands) => {
        const view = JSON.parse(JSON.stringify(taskView(live(commands).task)));
        expect(Task.parse(view)).toEqual(view);
      }),
      { numRuns: 300 },
    );
  });

  test("is the same whenever it is lived again", () => {
    fc.assert(
      fc.property(script, (commands) => {
        const [once, again] = [live(commands), live(commands)];
        expect(again.trail).toEqual(once.trail);
        expect(again.task).toEqual(once.task);
      }),
      { numRuns: 50 },
    );
  });

  test("takes every edge of the table, so that the properties above speak of all of them", () => {
    const taken = new Set(
      fc.sample(script, { seed: 20_261_120, numRuns: 600 }).flatMap((commands) => live(commands).trail),
    );
    expect(EDGES.filter((edge) => !taken.has(edge))).toEqual([]);
    for (const refusal of [
      "INVALID_STATE",
      "SELF_APPROVAL",
      "FORBIDDEN",
      "APPROVAL_ALREADY_RESOLVED",
      "REVISION_CONFLICT",
      "TASK_LEASE_LOST",
      "NOT_ENOUGH_REVIEWERS",
    ]) {
      expect(taken).toContain(refusal);
    }
  });
});
