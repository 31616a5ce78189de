import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Result } from "../actor/result.ts";
import {
  answering,
  codeOf,
  done,
  draft,
  editing,
  person,
  type reviewing,
  submitting,
  T0,
  turn,
} from "../tasks/task.fixture.ts";
import type { TaskRecord } from "../tasks/task.ts";
import type { Transition } from "../tasks/transition.ts";
import { colleague } from "./colleague.fixture.ts";
import type { Colleague } from "./colleagues.ts";
import { delegation } from "./delegation.fixture.ts";
import type { DelegationPolicy } from "./delegation-contract.ts";
import { expire } from "./escalation.ts";
import { lookAfter, lookAfterAt } from "./look-after.ts";
import { openRequestsOf, ownerOf } from "./open-requests.ts";
import { policy } from "./policy.fixture.ts";
import { stuckNow, stuckRequirements } from "./stuck.ts";

const IDS = ["alice", "ann", "bob", "cid", "mia", "adm", "boss"] as const;
const system = person("system");

const anybody = fc.constantFrom(...IDS);
const firms = fc.tuple(
  ...IDS.map((id) =>
    fc.record({
      id: fc.constant(id),
      manager_id: fc.option(anybody, { nil: null }),
      active: fc.integer({ min: 0, max: 4 }).map((n) => n > 0),
      roles: fc.subarray(["reviewer", "admin", "dba"]),
    }),
  ),
);
const approval_timeout_seconds = fc.constantFrom(60, 100, 3600);
const policies = fc.array(
  fc.oneof(
    fc.record({
      min_approvers: fc.integer({ min: 1, max: 3 }),
      required_roles: fc.subarray(["dba"]),
      required_reviewers: fc.subarray(["ann", "bob"]),
      approval_timeout_seconds,
    }),
    // Asks only whom it names, so that not all requests are due together.
    fc.record({
      required_roles: fc.constant(["none"]),
      required_reviewers: fc.subarray(["ann", "bob", "cid"], { minLength: 1 }),
      approval_timeout_seconds,
    }),
  ),
  { maxLength: 3 },
);
const acts = fc.array(
  fc.oneof(
    {
      weight: 3,
      arbitrary: fc.record({ do: fc.constant("wait" as const), ms: fc.constantFrom(1, 30_000, 60_000, 4e6) }),
    },
    { weight: 3, arbitrary: fc.record({ do: fc.constant("approve" as const), nth: fc.nat(9) }) },
    fc.record({ do: fc.constant("stands" as const), id: anybody, active: fc.boolean() }),
    fc.record({ do: fc.constant("delegates" as const), id: anybody, to: anybody }),
    fc.record({ do: fc.constant("edit" as const), priority: fc.nat(100) }),
  ),
  { maxLength: 30 },
);

/** One review with the people around it, looked after whenever it asks for that. */
class Review {
  now = T0;
  task: TaskRecord;
  readonly #people: Map<string, Colleague>;
  #delegations: readonly DelegationPolicy[] = [];
  readonly #facts: Parameters<typeof reviewing>[0];

  constructor(people: readonly Partial<Colleague>[], demands: readonly object[]) {
    this.#people = new Map(people.map((one) => [one.id ?? "", colleague(one.id ?? "", one)]));
    // Everybody reviews when the review begins; what they are later is another matter.
    const reviewers = IDS.map((id) => ({ id, name: id, roles: ["reviewer", "dba"], pending: 0 }));
    this.#facts = { facts: { policies: demands.map((given, n) => policy(`p${n}`, given)), reviewers } };
    const submitted = submitting(draft(), this.#facts);
    this.task = done(submitted).task;
  }

  lookAfter(): void {
    const before = this.task;
    const people = [...this.#people.values()];
    this.#take(lookAfter(before, { people, delegations: this.#delegations }, turn(system, this.now)));
    for (const request of openRequestsOf(this.task)) {
      if (before.requests.some(({ id }) => id === request.id)) continue;
      expect(this.#people.get(request.reviewer_id)).toMatchObject({ active: true });
      expect(this.task.authors).not.toContain(request.reviewer_id);
    }
    expect(stuckNow(this.task)).toEqual(this.task.state === "REVIEWING" ? stuckRequirements(this.task, people) : []);
    // Looked after, it asks for nothing before time has passed.
    expect(lookAfterAt(this.task, this.now) ?? Number.POSITIVE_INFINITY).toBeGreaterThan(this.now);
  }

  act(act: typeof acts extends fc.Arbitrary<(infer Act)[]> ? Act : never): void {
    const known = (id: string) => this.#people.get(id) ?? colleague(id);
    if (act.do === "wait") this.now += act.ms;
    if (act.do === "stands") this.#people.set(act.id, { ...known(act.id), active: act.active });
    if (act.do === "delegates") this.#delegations = [...this.#delegations, delegation(act.id, act.to)];
    // What an actor does before it listens to anybody.
    this.#take(expire(this.task, this.now));
    if (act.do === "edit" && this.task.state === "REVIEWING") {
      this.#take(editing(this.task, { config: { priority: act.priority } }, this.#facts, this.now));
    }
    if (act.do === "approve") {
      const open = openRequestsOf(this.task);
      const request = open[act.nth % Math.max(1, open.length)];
      if (request === undefined) return;
      const { roles, active } = known(request.reviewer_id);
      if (!active) return;
      const given = answering(
        this.task,
        person(request.reviewer_id, ...roles),
        { action: "approve" },
        undefined,
        this.now,
      );
      expect(["ok", "FORBIDDEN"]).toContain(codeOf(given));
      this.#take(given);
    }
  }

  #take(given: Result<Transition | null> | Transition | null): void {
    const next = given !== null && "ok" in given ? (given.ok ? given.value : null) : given;
    if (next !== null) this.task = next.task;
    const open = this.task.requests.filter(({ status }) => status === "PENDING");
    if (this.task.state !== "REVIEWING") expect(open).toEqual([]);
    const parts = open.map((one) => `${one.reviewer_id} for ${ownerOf(one)}: ${one.policy_ids}`);
    expect(new Set(parts).size).toBe(parts.length);
  }
}

describe("a review that is looked after whenever it asks for it", () => {
  it("asks nobody who left and no author, leaves nothing open behind, and never asks to be looked after at once again", () => {
    fc.assert(
      fc.property(firms, policies, acts, (people, demands, script) => {
        const review = new Review(people, demands);
        for (const act of script) {
          review.act(act);
          review.lookAfter();
        }
      }),
      { numRuns: 150 },
    );
  });

  it("ends though nobody ever answers, whether or not somebody could", () => {
    fc.assert(
      fc.property(firms, policies, acts, (people, demands, script) => {
        const review = new Review(people, demands);
        for (const act of script) review.act(act);
        review.lookAfter();
        for (let rounds = 0; review.task.state === "REVIEWING"; rounds += 1) {
          expect(rounds).toBeLessThan(40);
          review.now = lookAfterAt(review.task, review.now) ?? Number.NaN;
          expect(review.now, "when to look again").not.toBeNaN();
          review.lookAfter();
        }
        expect(["APPROVED", "CANCELLED"]).toContain(review.task.state);
      }),
      { numRuns: 150 },
    );
  });
});
