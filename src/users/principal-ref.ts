/** How users and agents are named: in one name space, since locks, sessions and the audit trail name both by id alone. */
import type { Who } from "../actor/caller.ts";
import { fail, ok, type Result } from "../actor/result.ts";
import { Slug } from "../wire.ts";

export type PrincipalKind = "user" | "agent";

/** A principal as another one names it. */
export interface PrincipalRef {
  readonly kind: PrincipalKind;
  readonly id: string;
}

export function principalRef({ kind, id }: Who): PrincipalRef {
  return { kind: kind === "agent" ? "agent" : "user", id };
}

/** The principal that a webhook executor works as; no user and no agent may have this id. */
export const EXECUTOR = "executor";

/** The bootstrap admin, what actors do by themselves, and who applies a change through a webhook. */
const RESERVED: ReadonlySet<string> = new Set(["root", "system", EXECUTOR]);

/** Whether this can be anybody's id; if not, there is nobody to look up. */
export function isPrincipalId(text: string): boolean {
  return Slug.safeParse(text).success;
}

/** A new principal may be called `id`; `holder` is who is called so already. */
export function freeId(id: string, holder: PrincipalKind | null): Result<null> {
  if (RESERVED.has(id)) return fail("ALREADY_EXISTS", `${id} is a reserved id`, { id });
  if (holder === null) return ok(null);
  const article = holder === "user" ? "a" : "an";
  return fail("ALREADY_EXISTS", `there is ${article} ${holder} called ${id} already`, { id, kind: holder });
}

const HOLDER_OF_ID = `
  SELECT 'user' AS kind FROM users WHERE workspace = ?1 AND id = ?2
  UNION ALL SELECT 'agent' FROM agents WHERE workspace = ?1 AND id = ?2`;

/** Who is called `id`, if anybody. */
export async function holderOfId(db: D1Database, workspace: string, id: string): Promise<PrincipalKind | null> {
  const row = await db.prepare(HOLDER_OF_ID).bind(workspace, id).first<{ kind: PrincipalKind }>();
  return row?.kind ?? null;
}

export function samePrincipal(a: PrincipalRef, b: PrincipalRef): boolean {
  return a.kind === b.kind && a.id === b.id;
}

interface Standing {
  readonly active: boolean;
  readonly roles: readonly string[];
}

/** Nobody locks oneself out by mistake; another admin can do it on purpose. */
export function keepsOneself(by: PrincipalRef, whom: PrincipalRef, before: Standing, after: Standing): Result<null> {
  if (!samePrincipal(by, whom)) return ok(null);
  if (before.active && !after.active) {
    return fail("INVALID_STATE", "you cannot deactivate yourself", { state: "active", allowed: [] });
  }
  if (before.roles.includes("admin") && !after.roles.includes("admin")) {
    return fail("INVALID_STATE", "you cannot take the role admin from yourself", { state: "admin", allowed: [] });
  }
  return ok(null);
}
