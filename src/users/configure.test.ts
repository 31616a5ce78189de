import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Result } from "../actor/result.ts";
import type { Plan } from "../audit/plan.ts";
import type { UserRow } from "../db/configuration.ts";
import { type UserCommand, type UserFacts, type UserPatch, userPlanner } from "./configure.ts";

const THEN = "2026-11-20T10:00:00.000Z";
const NOW = "2026-11-20T12:00:00.000Z";
const HASH = "5f".repeat(32);

const ada: UserRow = {
  id: "ada",
  name: "Ada",
  email: "ada@example.com",
  roles: ["author", "admin"],
  manager_id: null,
  oidc_subject: "idp|ada",
  active: true,
  created_at: THEN,
  updated_at: THEN,
};

const nobody: UserFacts = { user: null, holder: null, subject_holder: null, managers: [], tokens: 0 };
const known: UserFacts = { ...nobody, user: ada, holder: "user", tokens: 3 };

function create(over: Partial<UserRow> = {}, facts: Partial<UserFacts> = {}): Result<Plan> {
  const { id, name, email, roles, manager_id, oidc_subject } = { ...ada, ...over };
  const user = { id, name, email, roles, manager_id, oidc_subject };
  const command: UserCommand = { do: "create", user, token: { token_id: "t-1", hash: HASH } };
  return userPlanner.plan(command, { ...nobody, ...facts }, NOW);
}

function update(set: UserPatch, facts: Partial<UserFacts> = {}, by = "root"): Result<Plan> {
  const command: UserCommand = { do: "update", id: "ada", by: { kind: "user", id: by }, set };
  return userPlanner.plan(command, { ...known, ...facts }, NOW);
}

function planOf(result: Result<Plan>): Plan {
  if (!result.ok) throw new Error(result.error.message);
  return result.value;
}

function refusal(result: Result<Plan>) {
  if (result.ok) throw new Error("it was planned");
  return result.error;
}

describe("a new user", () => {
  it("is active from now on and comes with a first token, both in the trail", () => {
    const { changes, happenings, answer } = planOf(create());
    expect(changes).toEqual([
      { put: "users", row: { ...ada, created_at: NOW, updated_at: NOW } },
      {
        put: "tokens",
        row: {
          token_id: "t-1",
          hash: HASH,
          principal_kind: "user",
          principal_id: "ada",
          scopes: null,
          created_at: NOW,
          expires_at: null,
        },
      },
    ]);
    expect(happenings.map(({ action, subject_type, subject_id }) => [action, subject_type, subject_id])).toEqual([
      ["user.created", "user", "ada"],
      ["token.created", "token", "t-1"],
    ]);
    expect(answer).toMatchObject({ user: { id: "ada", active: true, created_at: NOW }, token_id: "t-1" });
  });

  it("has no hash of a token in the answer or in the trail, and no oidc_subject in the answer", () => {
    const { happenings, answer } = planOf(create());
    expect(JSON.stringify([happenings, answer])).not.toContain(HASH);
    expect(answer.user).not.toHaveProperty("oidc_subject");
  });

  it.each(["root", "system"])("is not called %s, which is reserved", (id) => {
    expect(refusal(create({ id })).code).toBe("ALREADY_EXISTS");
  });

  it("has an id that neither a user nor an agent has", () => {
    expect(refusal(create({}, { holder: "user" })).code).toBe("ALREADY_EXISTS");
    expect(refusal(create({}, { holder: "agent" }))).toMatchObject({
      code: "ALREADY_EXISTS",
      details: { kind: "agent" },
    });
  });

  it("has an oidc_subject of their own", () => {
    const refused = refusal(create({}, { subject_holder: "bob" }));
    expect(refused).toMatchObject({ code: "ALREADY_EXISTS", details: { field: "oidc_subject" } });
    expect(JSON.stringify(refused)).not.toContain("bob");
  });
});

describe("a manager", () => {
  const bob = { id: "bob", active: true };
  const eve = { id: "eve", active: true };

  it("is an active user", () => {
    expect(create({ manager_id: "bob" }, { managers: [bob] }).ok).toBe(true);
    expect(update({ manager_id: "bob" }, { managers: [eve, bob] }).ok).toBe(true);
  });

  it.each([
    ["oneself", "ada", [{ id: "ada", active: true }]],
    ["nobody", "bob", []],
    ["inactive", "bob", [{ id: "bob", active: false }]],
    ["below oneself", "bob", [bob, eve, { id: "ada", active: true }]],
  ])("who is %s is refused, naming manager_id", (_, manager_id, managers) => {
    for (const result of [create({ manager_id }, { managers }), update({ manager_id }, { managers })]) {
      expect(refusal(result)).toMatchObject({
        code: "VALIDATION_ERROR",
        details: { field: "manager_id", value: manager_id, issues: [{ field: "manager_id" }] },
      });
    }
  });

  it("who left since stays named while other fields change", () => {
    const user = { ...ada, manager_id: "bob" };
    const managers = [{ id: "bob", active: false }];
    expect(update({ name: "Lady Ada", manager_id: "bob" }, { user, managers }).ok).toBe(true);
  });

  it("can be taken away", () => {
    const { changes } = planOf(update({ manager_id: null }, { user: { ...ada, manager_id: "bob" } }));
    expect(changes).toEqual([{ put: "users", row: { ...ada, updated_at: NOW } }]);
  });

  it("never becomes part of a loop, whatever is asked for in whatever order", () => {
    const people = ["a", "b", "c", "d", "e"];
    const asked = fc.array(fc.tuple(fc.constantFrom(...people), fc.constantFrom(...people)), { maxLength: 30 });
    fc.assert(
      fc.property(asked, (requests) => {
        const managerOf = new Map<string, string>();
        const above = (id: string): string[] => {
          const next = managerOf.get(id);
          return next === undefined ? [id] : [id, ...above(next)];
        };
        for (const [id, manager_id] of requests) {
          const command: UserCommand = { do: "update", id, by: { kind: "user", id: "root" }, set: { manager_id } };
          const user = { ...ada, id, manager_id: managerOf.get(id) ?? null };
          const managers = above(manager_id).map((each) => ({ id: each, active: true }));
          // A loop would make `above` overflow the stack at the next request.
          if (userPlanner.plan(command, { ...known, user, managers }, NOW).ok) managerOf.set(id, manager_id);
        }
        for (const id of people) expect(above(id).length).toBeLessThanOrEqual(people.length);
      }),
    );
  });
});

describe("a changed user", () => {
  it("keeps what was not asked for; the trail has the new values of what was", () => {
    const { changes, happenings } = planOf(update({ name: "Lady Ada", roles: ["reviewer"] }));
    expect(changes).toEqual([
      { put: "users", row: { ...ada, name: "Lady Ada", roles: ["reviewer"], updated_at: NOW } },
    ]);
    expect(happenings).toEqual([
      {
        action: "user.updated",
        subject_type: "user",
        subject_id: "ada",
        details: { name: "Lady Ada", roles: ["reviewer"] },
      },
    ]);
  });

  it("of whom nothing changes is not in the trail and keeps updated_at", () => {
    for (const set of [{}, { name: "Ada" }, { roles: ["author", "admin"], active: true }, { name: undefined }]) {
      expect(planOf(update(set))).toMatchObject({
        changes: [],
        happenings: [],
        answer: { user: { updated_at: THEN } },
      });
    }
  });

  it("must exist", () => {
    expect(refusal(update({ name: "x" }, { user: null })).code).toBe("USER_NOT_FOUND");
  });

  it("who leaves loses every token, told by their number in one row", () => {
    const { changes, happenings } = planOf(update({ active: false }));
    expect(changes[1]).toEqual({ remove: "tokens", principal_kind: "user", principal_id: "ada" });
    expect(happenings.map(({ action, details }) => [action, details])).toEqual([
      ["user.updated", { active: false, tokens_revoked: 3 }],
    ]);
  });

  it("who had left already, or comes back, loses none", () => {
    const user = { ...ada, active: false };
    expect(planOf(update({ active: false, name: "x" }, { user })).changes).toHaveLength(1);
    expect(planOf(update({ active: true }, { user })).changes).toHaveLength(1);
  });

  it("cannot deactivate oneself nor take admin from oneself, while another admin can", () => {
    for (const set of [{ active: false }, { roles: ["author"] }, { roles: [] }]) {
      expect(refusal(update(set, {}, "ada")).code).toBe("INVALID_STATE");
      expect(update(set, {}, "bob").ok).toBe(true);
    }
    expect(update({ roles: ["admin", "dba"] }, {}, "ada").ok).toBe(true);
    expect(update({ roles: [] }, { user: { ...ada, roles: ["author"] } }, "ada").ok).toBe(true);
  });

  it("is not oneself to an agent of the same name", () => {
    const command: UserCommand = { do: "update", id: "ada", by: { kind: "agent", id: "ada" }, set: { active: false } };
    expect(userPlanner.plan(command, known, NOW).ok).toBe(true);
  });
});
