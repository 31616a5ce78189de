/** Random scripts of a review, and an honest bystander who remembers who could do what when, for tests. */
import fc from "fast-check";
import type { Result } from "../actor/result.ts";
import type { Facts } from "../tasks/assess.ts";
import { draft, editing, person, submitting, turn, world } from "../tasks/task.fixture.ts";
import type { Request, TaskRecord } from "../tasks/task.ts";
import { RespondInput } from "../tasks/task-contract.ts";
import type { Transition } from "../tasks/transition.ts";
import type { ReviewerPolicy } from "./contract.ts";
import { respond } from "./decide.ts";
import { delegation } from "./delegation.fixture.ts";
import type { DelegationPolicy } from "./delegation-contract.ts";
import { policy } from "./policy.fixture.ts";

const PEOPLE = ["alice", "adm", "ann", "bob", "cid", "dan", "eve"] as const;
const who = fc.constantFrom(...PEOPLE);
const asked = fc.constantFrom("ann", "bob", "cid", "dan", "eve");
const roles = fc.subarray(["reviewer", "dba"]);
const POLICIES: readonly (readonly ReviewerPolicy[])[] = [
  [],
  [policy("data", { required_roles: ["dba"] }), policy("two", { min_approvers: 2 })],
  [policy("named", { required_reviewers: ["cid", "dan"] })],
  [policy("seats", { min_approvers: 2, required_roles: ["none"], required_reviewers: ["dan", "eve"] })],
  [policy("many", { min_approvers: 3, required_reviewers: ["eve"] }), policy("data", { required_roles: ["dba"] })],
];

export interface Opening {
  readonly policies: number;
  readonly delegations: readonly DelegationPolicy[];
  readonly dbas: readonly string[];
}

export const opening: fc.Arbitrary<Opening> = fc.record({
  policies: fc.nat(POLICIES.length - 1),
  dbas: fc.subarray(["ann", "bob", "cid"], { minLength: 1 }),
  delegations: fc.uniqueArray(
    fc
      .record({ from: asked, to: who, cascade: fc.boolean(), mode: fc.constantFrom("reassign", "reassign", "follow") })
      .map(({ from, to, ...given }) => delegation(from, to, given as Pick<DelegationPolicy, "cascade" | "mode">)),
    { maxLength: 3, selector: ({ id }) => id },
  ),
});

const nth = fc.nat(9);
export const command = fc.oneof(
  {
    weight: 9,
    arbitrary: fc.record({
      do: fc.constant("approve" as const),
      nth,
      /** not the one who was asked */
      by: fc.option(who, { freq: 5, nil: undefined }),
      more: fc.oneof({ weight: 5, arbitrary: fc.constant([]) }, fc.uniqueArray(who, { maxLength: 2 })),
    }),
  },
  { weight: 5, arbitrary: fc.record({ do: fc.constant("delegate" as const), nth, to: who, admin: fc.boolean() }) },
  fc.record({ do: fc.constantFrom("reject" as const, "request_changes" as const), nth, sure: fc.nat(4) }),
  fc.record({ do: fc.constant("edit" as const), by: fc.constantFrom("alice", "alice", "adm"), size: fc.nat(5) }),
  fc.record({ do: fc.constant("roles" as const), of: asked, roles }),
  fc.record({ do: fc.constant("leave" as const), of: asked }),
);
export type Command = typeof command extends fc.Arbitrary<infer Given> ? Given : never;

/** An approval as the bystander saw it: by whom, with which roles, of which request, while which others were open. */
interface Seen {
  readonly revision: number;
  readonly id: string;
  readonly roles: readonly string[];
  readonly request: Request;
  readonly others: readonly Request[];
}

/** What the bystander expects of one requirement: as the policy or the approver who asked for more said it. */
interface Expected {
  readonly policy_id: string;
  readonly min_approvers: number;
  readonly required_roles: readonly string[];
  readonly required_reviewers: readonly string[];
}

export class Review {
  task: TaskRecord;
  /** Whoever wrote or edited it. */
  readonly authors = new Set(["alice"]);
  readonly trail: string[] = [];
  readonly #policies: readonly ReviewerPolicy[];
  readonly #delegations: readonly DelegationPolicy[];
  readonly #roles: Record<string, readonly string[]>;
  readonly #left = new Set<string>();
  readonly #seen: Seen[] = [];
  #additional: { readonly revision: number; readonly id: string }[] = [];
  /** Roles as they were when reviewers were picked, by revision. */
  readonly #rolesAt = new Map<number, Readonly<Record<string, readonly string[]>>>();

  constructor({ policies, delegations, dbas }: Opening) {
    this.#policies = POLICIES[policies] ?? [];
    this.#delegations = delegations;
    this.#roles = Object.fromEntries(
      PEOPLE.map((id) => {
        const reviewer = ["ann", "bob", "cid"].includes(id) ? ["reviewer"] : [];
        const dba = dbas.includes(id) ? ["dba"] : [];
        return [id, id === "alice" ? ["author"] : id === "adm" ? ["admin"] : [...reviewer, ...dba]];
      }),
    );
    const filed = draft({ facts: this.#facts() });
    const submitted = submitting(filed, { facts: this.#facts() });
    this.task = submitted.ok ? submitted.value.task : filed;
    this.#picked();
  }

  give(given: Command): void {
    if (given.do === "roles") {
      this.#roles[given.of] = given.roles;
      return;
    }
    if (given.do === "leave") {
      this.#left.add(given.of);
      return;
    }
    const result = given.do === "edit" ? this.#edit(given.by, given.size) : this.#respond(given);
    this.trail.push(result.ok ? given.do : result.error.code);
    if (!result.ok || result.value === null) return;
    const { revision } = this.task;
    this.task = result.value.task;
    if (given.do === "edit") this.authors.add(given.by);
    if (this.task.revision !== revision) this.#picked();
  }

  open(): Request[] {
    return this.task.requests.filter(({ status }) => status === "PENDING");
  }

  /** The task after everybody who is asked approved, with all the roles that they may have had when they were. */
  afterAllApprove(): TaskRecord {
    let task = this.task;
    for (const { id, reviewer_id } of this.open()) {
      const caller = person(reviewer_id, "reviewer", "dba");
      const result = respond(task, id, RespondInput.parse({ action: "approve" }), turn(caller));
      if (result.ok) task = result.value.task;
    }
    return task;
  }

  /** Requirements of the present revision that the approvals which were seen do not meet, as sentences. */
  unmet(): string[] {
    return this.#expected().flatMap((one) => {
      const seen = this.#seen.filter(({ revision }) => revision === this.task.revision);
      const people = new Set(seen.filter((approval) => this.#counts(one, approval)).map(({ id }) => id));
      const seats = one.required_reviewers.filter((seat) => !seen.some((approval) => this.#fills(one, seat, approval)));
      return [
        ...(people.size < one.min_approvers ? [`${one.policy_id} has ${people.size} people`] : []),
        ...seats.map((seat) => `${one.policy_id} lacks ${seat}`),
        ...[...people].filter((id) => this.authors.has(id)).map((id) => `${id} is an author`),
      ];
    });
  }

  #expected(): Expected[] {
    const builtin = { policy_id: "builtin", min_approvers: 2, required_roles: [], required_reviewers: [] };
    const policies = this.#policies.map((one) => ({ ...one, policy_id: one.id }));
    const additional = this.#additional
      .filter(({ revision }) => revision === this.task.revision)
      .map(({ id }) => ({ ...builtin, policy_id: `additional:${id}`, min_approvers: 1, required_reviewers: [id] }));
    return [...(policies.length > 0 ? policies : [builtin]), ...additional];
  }

  #counts(one: Expected, { id, roles: held, request, others }: Seen): boolean {
    const fits = one.required_roles.length === 0 || one.required_roles.some((role) => held.includes(role));
    if (request.reviewer_id !== id) return fits && (held.includes("reviewer") || held.includes("admin"));
    if (one.required_reviewers.includes(id) || (fits && held.includes("reviewer"))) return true;
    const owners = [request.on_behalf_of, ...this.#followersOf(id, others).map(({ reviewer_id }) => reviewer_id)];
    return owners.some((owner) => owner !== undefined && this.#wasAsked(one, owner));
  }

  #fills(one: Expected, seat: string, { id, request, others }: Seen): boolean {
    if (id === seat) return true;
    if (request.reviewer_id !== id) return false;
    if (request.on_behalf_of === seat && request.policy_ids.includes(one.policy_id)) return true;
    return this.#followersOf(id, others).some(({ reviewer_id }) => reviewer_id === seat);
  }

  /** Those who said beforehand that they follow this person, and kept their part. */
  #followersOf(id: string, others: readonly Request[]): Request[] {
    return others.filter(
      ({ reviewer_id, on_behalf_of }) =>
        on_behalf_of === undefined &&
        this.#delegations.some(
          (one) => one.mode === "follow" && one.owner_id === reviewer_id && one.delegate_to === id,
        ),
    );
  }

  /** Whether somebody could be asked for a requirement when reviewers were picked, or was asked for by name. */
  #wasAsked({ required_roles, required_reviewers }: Expected, id: string): boolean {
    const held = this.#rolesAt.get(this.task.revision)?.[id] ?? [];
    const fits = required_roles.length === 0 || required_roles.some((role) => held.includes(role));
    return required_reviewers.includes(id) || (held.includes("reviewer") && fits);
  }

  #edit(by: string, size: number): Result<Transition | null> {
    const caller = person(by, ...(this.#roles[by] ?? []));
    return editing(this.task, { config: { parameters: { size } } }, { facts: this.#facts(), caller });
  }

  #respond(given: Exclude<Command, { do: "edit" | "roles" | "leave" }>): Result<Transition | null> {
    const open = this.open();
    const request = open[given.nth % Math.max(1, open.length)];
    if (request === undefined || ("sure" in given && given.sure > 0)) return { ok: true, value: null };
    const by = ("by" in given ? given.by : undefined) ?? request.reviewer_id;
    const id = "admin" in given && given.admin ? "adm" : by;
    if (this.#left.has(id)) return { ok: true, value: null };
    const more: readonly string[] = given.do === "approve" ? given.more : [];
    const input = RespondInput.parse({
      action: given.do,
      reason: "because",
      ...(given.do === "delegate" && { delegate_to: given.to }),
      ...(more.length > 0 && { options: { require_additional_approvals: more } }),
    });
    const held = this.#roles[id] ?? [];
    const active = PEOPLE.filter((one) => !this.#left.has(one)).map((one) => ({ id: one, name: one }));
    const result = respond(this.task, request.id, input, turn(person(id, ...held)), active);
    if (result.ok && given.do === "approve") {
      const { revision } = this.task;
      const others = open.filter((one) => one.id !== request.id);
      this.#seen.push({ revision, id, roles: held, request, others });
      this.#additional.push(...more.map((one) => ({ revision, id: one })));
    }
    return result;
  }

  #picked(): void {
    this.#rolesAt.set(this.task.revision, { ...this.#roles });
  }

  #facts(): Partial<Facts> {
    const active = PEOPLE.filter((id) => !this.#left.has(id));
    const reviewers = active.map((id) => ({ id, name: id, roles: this.#roles[id] ?? [], pending: 0 }));
    return world({ policies: this.#policies, delegations: this.#delegations, reviewers });
  }
}
