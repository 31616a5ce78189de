/** How reviewer policies change (03-tasks-and-approvals, "Reviewer policies"): pure plans for the configuration journal. */
import { fail, ok, type Result } from "../actor/result.ts";
import type { Plan, Planner } from "../audit/plan.ts";
import { jsonBytes } from "../tasks/task-contract.ts";
import type { ReviewerPolicy, ReviewerPolicyInput } from "./contract.ts";
import { POLICY_COLUMNS, policyOf, type StoredPolicy } from "./policies.ts";

/** A policy as its writer gives it; the id stands beside it in the command. */
export type PolicyBody = Omit<ReviewerPolicyInput, "id">;

export type PolicyCommand =
  | { readonly do: "create"; readonly id: string; readonly policy: PolicyBody }
  | { readonly do: "replace"; readonly id: string; readonly policy: PolicyBody }
  | { readonly do: "delete"; readonly id: string };

export interface PolicyFacts {
  readonly stored?: ReviewerPolicy;
  /** Those of the command's required reviewers that are users, active or not. */
  readonly users: readonly string[];
  /** What all other policies take (bytes of JSON). */
  readonly taken: number;
}

/**
 * What all policies of a workspace may take together: some two thousand. Each submit reads them all, and what those that match
 * demand stands in one row of the trail, of which D1 takes 2 MB.
 */
export const MAX_POLICIES_BYTES = 1024 * 1024;

/** The requirement of a task that no policy matches goes by this id (assignment.ts), so no policy may. */
export const BUILT_IN_POLICY = "builtin";

const ID_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567";

/** An id for a policy whose writer gave none: `policy-` and 10 characters of base32. */
export function freshPolicyId(random: Uint8Array = crypto.getRandomValues(new Uint8Array(10))): string {
  return `policy-${[...random.subarray(0, 10)].map((byte) => ID_ALPHABET.charAt(byte % 32)).join("")}`;
}

export const policyPlanner: Planner<PolicyCommand, PolicyFacts> = {
  async read(db, workspace, command) {
    const named = command.do === "delete" ? [] : command.policy.required_reviewers;
    const [stored, users, others] = await db.batch([
      db.prepare(`SELECT ${POLICY_COLUMNS} FROM policies WHERE workspace = ?1 AND id = ?2`).bind(workspace, command.id),
      db
        .prepare("SELECT id FROM users WHERE workspace = ?1 AND id IN (SELECT value FROM json_each(?2))")
        .bind(workspace, JSON.stringify(named)),
      db
        .prepare("SELECT total(length(CAST(body AS BLOB))) AS taken FROM policies WHERE workspace = ?1 AND id <> ?2")
        .bind(workspace, command.id),
    ]);
    const [row] = (stored?.results ?? []) as StoredPolicy[];
    return {
      ...(row !== undefined && { stored: policyOf(row) }),
      users: ((users?.results ?? []) as { id: string }[]).map(({ id }) => id),
      taken: ((others?.results ?? []) as { taken: number }[])[0]?.taken ?? 0,
    };
  },

  plan(command, { stored, users, taken: bytes }, now) {
    if (command.do === "create") {
      if (command.id === BUILT_IN_POLICY) return taken(command.id, "is the built-in requirement's");
      if (stored !== undefined) return taken(command.id, "is another policy's");
      return put("policy.created", command.id, command.policy, { users, bytes, created_at: now, now });
    }
    if (stored === undefined) return fail("POLICY_NOT_FOUND", `there is no policy ${command.id}`);
    if (command.do === "delete") return ok(removal(stored));
    return put("policy.updated", command.id, command.policy, { users, bytes, created_at: stored.created_at, now });
  },
};

interface Circumstances {
  readonly users: readonly string[];
  /** of all other policies */
  readonly bytes: number;
  readonly created_at: string;
  readonly now: string;
}

function put(
  action: string,
  id: string,
  body: PolicyBody,
  { users, bytes, created_at, now }: Circumstances,
): Result<Plan> {
  const issues = body.required_reviewers.flatMap((value, at) =>
    users.includes(value) ? [] : [{ field: `required_reviewers.${at}`, issue: "names no user", value }],
  );
  const [first] = issues;
  if (first !== undefined) return fail("VALIDATION_ERROR", `${first.field}: ${first.issue}`, { ...first, issues });
  if (bytes + jsonBytes(body) > MAX_POLICIES_BYTES) {
    return fail("PAYLOAD_TOO_LARGE", `all policies together may take ${MAX_POLICIES_BYTES} bytes of JSON`);
  }
  const policy: ReviewerPolicy = { id, ...body, created_at, updated_at: now };
  return ok({
    changes: [{ put: "policies", row: { id, body: { ...body }, created_at, updated_at: now } }],
    happenings: [{ action, subject_type: "policy", subject_id: id, details: { policy } }],
    answer: policy,
  });
}

function removal(policy: ReviewerPolicy): Plan {
  const { id } = policy;
  return {
    changes: [{ remove: "policies", id }],
    happenings: [{ action: "policy.deleted", subject_type: "policy", subject_id: id, details: { policy } }],
    answer: {},
  };
}

function taken(id: string, why: string): Result<never> {
  return fail("ALREADY_EXISTS", `the id ${id} ${why}`, { id });
}
