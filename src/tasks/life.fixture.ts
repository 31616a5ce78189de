/** Random scripts of commands, and a world in which they are given to one task, for tests. */
import fc from "fast-check";
import { type Caller, hasRole } from "../actor/caller.ts";
import { fail, ok, type Result } from "../actor/result.ts";
import type { Reviewer } from "../approvals/assignment.ts";
import { respond } from "../approvals/decide.ts";
import { policy } from "../approvals/policy.fixture.ts";
import type { JsonObject } from "../wire.ts";
import { type Assessment, assess, type Facts } from "./assess.ts";
import { complete } from "./completion.ts";
import { cancel, comment, create, edit, mayAuthor, patched, remove, submit } from "./drafting.ts";
import { beginExecution, drifted, lapse, timeOut } from "./executing.ts";
import { computePreview, sameChanges } from "./preview.ts";
import { abandons, beginSaga, rests, waitsFor } from "./saga.ts";
import { agent, change, leasesOf, minter, ORDERS, person, T0, TASK_ID, world } from "./task.fixture.ts";
import type { Request, Saga, TaskRecord } from "./task.ts";
import { RespondInput, SubmitTask } from "./task-contract.ts";
import type { Transition, Turn } from "./transition.ts";

const POLICIES: readonly Facts["policies"][] = [
  [],
  [policy("data", { required_roles: ["dba"] }), policy("two", { min_approvers: 2 })],
  [policy("named", { min_approvers: 2, required_reviewers: ["cid"] })],
  [policy("auto", { auto_approve_if: { risk_below: 100 } })],
];
const ROLES: Readonly<Record<string, readonly string[]>> = {
  alice: ["author", "reviewer"],
  adm: ["admin"],
  chief: ["admin", "reviewer", "dba"],
  ann: ["reviewer"],
  bob: ["reviewer", "dba"],
  cid: ["reviewer"],
};
const PEOPLE = Object.keys(ROLES);

const who = fc.constantFrom(...PEOPLE);
const filer = fc.constantFrom("alice", "alice", "alice", "adm", "chief");
const bots = fc.constantFrom("bot", "bot", "other");
const command = fc.oneof(
  fc.record({ do: fc.constant("edit" as const), who: filer, size: fc.nat(3), wide: fc.boolean() }),
  { weight: 3, arbitrary: fc.record({ do: fc.constant("submit" as const), who: filer, force: fc.boolean() }) },
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant("respond" as const),
      /** the one who was asked, or anybody */
      who: fc.option(who, { freq: 3, nil: undefined }),
      nth: fc.nat(5),
      open: fc.integer({ min: 0, max: 5 }).map((n) => n > 0),
      action: fc.constantFrom(...Array<"approve">(12).fill("approve"), "reject" as const, "request_changes" as const),
      revision: fc.option(fc.integer({ min: 1, max: 3 }), { freq: 6, nil: undefined }),
      hurry: fc.boolean(),
    }),
  },
  fc.record({ do: fc.constantFrom("cancel" as const, "delete" as const), who, sure: fc.nat(7).map((n) => n === 0) }),
  fc.record({ do: fc.constant("comment" as const), who }),
  { weight: 3, arbitrary: fc.record({ do: fc.constant("apply" as const), who: bots }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("grant" as const) }) },
  fc.record({ do: fc.constantFrom("wait" as const, "rest" as const, "abandon" as const) }),
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom("lapse" as const, "lapse" as const, "timeout" as const) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant("complete" as const),
      who: bots,
      result: fc.constantFrom("success", "failure", "cancelled"),
    }),
  },
  fc.record({ do: fc.constant("roles" as const), who, roles: fc.subarray(["author", "reviewer", "admin", "dba"]) }),
  fc.record({ do: fc.constant("policies" as const), nth: fc.nat(POLICIES.length - 1) }),
  fc.record({ do: fc.constant("drift" as const), size: fc.nat(3) }),
);
export type Command = typeof command extends fc.Arbitrary<infer Given> ? Given : never;
const tick = fc.constantFrom(0, 1, 700, 9_000, 61_000);
export const script = fc.array(fc.tuple(command, tick), { minLength: 10, maxLength: 60, size: "max" });
export type Script = readonly (readonly [Command, number])[];

/** One approval as a bystander saw it: by whom, with which roles, to whose request. */
export interface Seen {
  readonly revision: number;
  readonly id: string;
  readonly roles: readonly string[];
  readonly request: Request;
}

/** People with their roles, policies, a resource, a clock: all that the rules are told besides the task. */
export class World {
  now = T0;
  readonly approvals: Seen[] = [];
  readonly #roles: Record<string, readonly string[]> = { ...ROLES };
  readonly #mint = minter();
  #policies: Facts["policies"] = POLICIES[0] ?? [];
  #attributes: JsonObject = { size: 0 };
  #applied = 0;

  draft(): Transition {
    const input = {
      config: change({ max_attempts: 2, timeout_seconds: 60 }),
      metadata: { author_id: "alice", author_name: "Alice", tags: [] },
    };
    return create(TASK_ID, input, this.#look(input.config), this.#facts(), this.#turn("alice"));
  }

  /** A change was applied: absent attributes are as they are. */
  apply(attributes: JsonObject | undefined): void {
    this.#attributes = attributes ?? this.#attributes;
    this.#applied += 1;
  }

  /** What the rules say to a command; null if it changes nothing of the task. */
  give(task: TaskRecord, given: Command): Result<Transition | null> {
    const { now } = this;
    switch (given.do) {
      case "edit":
        return this.#edit(task, given.who, given.size, given.wide);
      case "submit": {
        const turn = this.#turn(given.who);
        const may = mayAuthor(turn.caller, task);
        const input = SubmitTask.parse({ force: given.force && hasRole(turn.caller.who, "admin") });
        return may.ok ? submit(task, input, this.#look(task.config), this.#facts(), turn) : may;
      }
      case "respond":
        return this.#respond(task, given);
      case "cancel":
        return given.sure ? cancel(task, "changed my mind", this.#turn(given.who)) : ok(null);
      case "delete":
        return given.sure ? remove(task, this.#turn(given.who)) : ok(null);
      case "comment":
        return comment(task, "Hm.", this.#turn(given.who));
      case "apply": {
        const begun = beginSaga(task, given.who, `nonce ${now}`, now);
        return begun.ok ? ok({ task: begun.value.task, happenings: [], effects: [] }) : begun;
      }
      case "grant":
        return this.#grant(task);
      case "wait":
        return ok(
          running(task) ? waitsFor(task, { resource_type: "resource", resource_id: ORDERS, queue_position: 1 }) : null,
        );
      case "rest":
        return ok(running(task) ? rests(task, now, 0.5) : null);
      case "abandon":
        return ok(running(task) ? abandons(task, now + 1_000) : null);
      case "lapse":
        return ok(lapse(task, "expired", now, 0.5));
      case "timeout":
        return ok(timeOut(task, now));
      case "complete":
        return complete(task, { result: given.result }, agent(given.who), now);
      case "roles":
        this.#roles[given.who] = given.roles;
        return ok(null);
      case "policies":
        this.#policies = POLICIES[given.nth] ?? [];
        return ok(null);
      case "drift":
        if (task.state !== "APPLYING") this.#attributes = { size: given.size };
        return ok(null);
    }
  }

  #edit(task: TaskRecord, id: string, size: number, wide: boolean): Result<Transition | null> {
    const turn = this.#turn(id);
    const may = mayAuthor(turn.caller, task);
    if (!may.ok) return may;
    const database = { type: "database", id: "orders", namespace: "prod", actions: ["write"] };
    const resources = wide ? [database, { type: "service", id: "jobs", actions: ["execute"] }] : [database];
    const next = patched(task, { config: { parameters: { size }, resources, max_attempts: wide ? 1 : 2 } });
    if (!next.ok || next.value === null) return next.ok ? ok(null) : next;
    return edit(task, next.value, this.#look(next.value.config), this.#facts(), turn);
  }

  #respond(task: TaskRecord, given: Extract<Command, { do: "respond" }>): Result<Transition> {
    const choice = task.requests.filter(({ status }) => !given.open || status === "PENDING");
    const request = choice[given.nth % Math.max(1, choice.length)];
    if (request === undefined) return fail("APPROVAL_NOT_FOUND", "nobody was asked");
    const turn = this.#turn(given.who ?? request.reviewer_id);
    const { action, revision, hurry } = given;
    const input = RespondInput.parse({ action, reason: "because", revision, options: { apply_immediately: hurry } });
    const answer = respond(task, request.id, input, turn);
    const { id, roles } = turn.caller.who;
    if (answer.ok && action === "approve") this.approvals.push({ revision: task.revision, id, roles, request });
    return answer;
  }

  /** All locks came: apply, or back to review if the resources are not what they were. */
  #grant(task: TaskRecord): Result<Transition | null> {
    const { now } = this;
    const saga = running(task);
    if (saga === undefined) return ok(null);
    const facts = this.#facts();
    if (sameChanges(task.preview, computePreview(task.config, facts.preview))) {
      return ok(beginExecution(task, saga, leasesOf(task, saga.agent_id, now), now));
    }
    const review = drifted(task, saga, this.#look(task.config), facts, this.#turn("alice"));
    return review.ok ? review : ok(abandons(task, now + 60_000));
  }

  #turn(id: string): Turn {
    const caller: Caller = person(id, ...(this.#roles[id] ?? []));
    return { caller, now: this.now, mint: this.#mint };
  }

  #facts(): Facts {
    const reviewers = PEOPLE.map((id): Reviewer => ({ id, name: id, roles: this.#roles[id] ?? [], pending: 0 }));
    const resources = { [ORDERS]: { attributes: this.#attributes, revision: this.#applied } };
    return world({ policies: this.#policies, reviewers, preview: { resources, dependents: {}, active: {} } });
  }

  #look(config: TaskRecord["config"]): Assessment {
    return assess(config, this.#facts(), this.now);
  }
}

/** The saga that holds or awaits locks now. */
export function running({ saga }: TaskRecord): Saga | undefined {
  return saga !== undefined && saga.resting_until === undefined ? saga : undefined;
}
