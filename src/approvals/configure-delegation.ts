/** How delegation policies change (03-tasks-and-approvals, "Delegation policy"): pure plans for the configuration journal. */
import type { Happening } from "../actor/journal.ts";
import { fail, type Issue, invalid, ok, type Result } from "../actor/result.ts";
import type { Plan, Planner } from "../audit/plan.ts";
import type { DelegationPolicy, DelegationPolicyInput, DelegationPolicyPatch } from "./delegation-contract.ts";
import { DELEGATION_COLUMNS, delegationOf, type StoredDelegation } from "./delegations.ts";

/** Who changes a policy: its owner, or an admin. */
interface By {
  readonly id: string;
  readonly admin: boolean;
}

export type DelegationCommand = { readonly by: By; readonly id: string } & (
  | { readonly do: "create"; readonly policy: Omit<DelegationPolicyInput, "id"> & { readonly owner_id: string } }
  | { readonly do: "update"; readonly set: DelegationPolicyPatch }
  | { readonly do: "delete" }
);

export interface DelegationFacts {
  readonly stored?: DelegationPolicy;
  /** Of the people that the command names, those that are users. */
  readonly users: readonly { readonly id: string; readonly active: boolean }[];
  /** How many policies the owner of a new one has already. */
  readonly owned: number;
}

/** Every submit reads all policies, so nobody has them without end. */
export const MAX_DELEGATIONS = 50;

export const delegationPlanner: Planner<DelegationCommand, DelegationFacts> = {
  async read(db, workspace, command) {
    const owner = command.do === "create" ? command.policy.owner_id : null;
    const [stored, users, owned] = await db.batch([
      db
        .prepare(`SELECT ${DELEGATION_COLUMNS} FROM delegations WHERE workspace = ?1 AND id = ?2`)
        .bind(workspace, command.id),
      db
        .prepare("SELECT id, active FROM users WHERE workspace = ?1 AND id IN (SELECT value FROM json_each(?2))")
        .bind(workspace, JSON.stringify(namedIn(command))),
      db.prepare("SELECT count(*) AS n FROM delegations WHERE workspace = ?1 AND owner_id = ?2").bind(workspace, owner),
    ]);
    const [row] = (stored?.results ?? []) as StoredDelegation[];
    const [count] = (owned?.results ?? []) as { n: number }[];
    return {
      ...(row !== undefined && { stored: delegationOf(row) }),
      users: ((users?.results ?? []) as { id: string; active: number }[]).map((user) => ({
        id: user.id,
        active: user.active === 1,
      })),
      owned: count?.n ?? 0,
    };
  },

  plan(command, facts, now) {
    if (command.do === "create") return create(command, facts, now);
    const { stored } = facts;
    if (stored === undefined) return fail("POLICY_NOT_FOUND", `there is no delegation policy ${command.id}`);
    const may = mayConfigure(command.by, stored.owner_id);
    if (!may.ok) return may;
    return command.do === "delete" ? ok(removal(stored)) : update(stored, command.set, facts, now);
  },
};

function namedIn(command: DelegationCommand): string[] {
  if (command.do === "create") return [command.policy.owner_id, command.policy.delegate_to];
  const to = command.do === "update" ? command.set.delegate_to : undefined;
  return to === undefined ? [] : [to];
}

function mayConfigure({ id, admin }: By, owner: string): Result<null> {
  if (admin || id === owner) return ok(null);
  return fail("FORBIDDEN", `only ${owner} or an admin may say to whom ${owner} delegates`);
}

function create(
  { id, by, policy }: Extract<DelegationCommand, { do: "create" }>,
  facts: DelegationFacts,
  now: string,
): Result<Plan> {
  const may = mayConfigure(by, policy.owner_id);
  if (!may.ok) return may;
  if (facts.stored !== undefined) return fail("ALREADY_EXISTS", `the id ${id} is another delegation policy's`, { id });
  const issues = [
    ...issuesOfPerson("owner_id", policy.owner_id, facts),
    ...issuesOf(policy.owner_id, policy, facts, now),
  ];
  if (issues.length > 0) return invalid(...issues);
  if (facts.owned >= MAX_DELEGATIONS) {
    const state = `${MAX_DELEGATIONS} policies`;
    return fail("INVALID_STATE", `${policy.owner_id} has ${state}, and nobody has more`, {
      state,
      allowed: ["delete"],
    });
  }
  return ok(kept("policy.created", { ...policy, id, created_at: now, updated_at: now }));
}

function update(
  stored: DelegationPolicy,
  { expires_at, ...set }: DelegationPolicyPatch,
  facts: DelegationFacts,
  now: string,
): Result<Plan> {
  const issues = issuesOf(stored.owner_id, { ...set, expires_at: expires_at ?? undefined }, facts, now);
  if (issues.length > 0) return invalid(...issues);
  const { expires_at: before, ...rest } = stored;
  const until = expires_at === undefined ? before : expires_at;
  const given = Object.fromEntries(Object.entries(set).filter(([, value]) => value !== undefined));
  return ok(
    kept("policy.updated", { ...rest, ...given, ...(until != null && { expires_at: until }), updated_at: now }),
  );
}

/** What is wrong with what is being set; what stood before is not looked at again. */
function issuesOf(
  owner: string,
  { delegate_to, expires_at }: { readonly delegate_to?: string | undefined; readonly expires_at?: string | undefined },
  facts: DelegationFacts,
  now: string,
): Issue[] {
  const issues = delegate_to === undefined ? [] : issuesOfPerson("delegate_to", delegate_to, facts);
  if (delegate_to === owner) issues.push({ field: "delegate_to", issue: "must be somebody else", value: delegate_to });
  if (expires_at !== undefined && expires_at <= now) {
    issues.push({ field: "expires_at", issue: "must be in the future", value: expires_at });
  }
  return issues;
}

function issuesOfPerson(field: string, id: string, { users }: DelegationFacts): Issue[] {
  const user = users.find((one) => one.id === id);
  if (user === undefined) return [{ field, issue: "is not a user", value: id }];
  return user.active ? [] : [{ field, issue: "is not active", value: id }];
}

function kept(action: string, policy: DelegationPolicy): Plan {
  const { id, owner_id, created_at, updated_at, ...body } = policy;
  return {
    changes: [{ put: "delegations", row: { id, owner_id, body, created_at, updated_at } }],
    happenings: [happened(action, policy)],
    answer: policy,
  };
}

function removal(policy: DelegationPolicy): Plan {
  return {
    changes: [{ remove: "delegations", id: policy.id }],
    happenings: [happened("policy.deleted", policy)],
    answer: {},
  };
}

/** Ids of reviewer policies are a name space of their own, so the trail tells the two kinds apart. */
function happened(action: string, policy: DelegationPolicy): Happening {
  return { action, subject_type: "delegation", subject_id: policy.id, details: { policy } };
}
