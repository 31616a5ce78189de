/** The people around a review: those who are asked, whoever is above them or named by a delegation, and every active admin. */
import { byId } from "./by-id.ts";
import type { DelegationPolicy } from "./delegation-contract.ts";
import { ACTIVE_DELEGATIONS, delegationOf, type StoredDelegation } from "./delegations.ts";
import type { Person } from "./qualification.ts";

/** A user as they are now. Root is none: it is in no table and is never asked. */
export interface Colleague extends Person {
  readonly name: string;
  readonly manager_id: string | null;
  readonly active: boolean;
}

/** UNION, not UNION ALL: people who manage each other end the walk. */
const COLLEAGUES = `
  WITH RECURSIVE line (id) AS (
    SELECT value FROM json_each(?2)
    UNION
    SELECT users.manager_id FROM line
    CROSS JOIN users ON users.workspace = ?1 AND users.id = line.id AND users.manager_id IS NOT NULL
  )
  SELECT id, name, roles, manager_id, active FROM users
  WHERE workspace = ?1 AND (
    id IN (SELECT id FROM line)
    OR id IN (SELECT body ->> 'delegate_to' FROM delegations WHERE workspace = ?1)
    OR (active = 1 AND EXISTS (SELECT 1 FROM json_each(users.roles) WHERE value = 'admin'))
  )`;

export interface Surroundings {
  readonly people: readonly Colleague[];
  /** the active ones of the workspace, whether or not they hold for a task */
  readonly delegations: readonly DelegationPolicy[];
}

type StoredColleague = Omit<Colleague, "roles" | "active"> & { readonly roles: string; readonly active: number };

/** These people with all who manage them or stand in for somebody, and the active admins. Throws while D1 does not answer. */
export async function readSurroundings(
  db: D1Database,
  workspace: string,
  ids: readonly string[],
): Promise<Surroundings> {
  const [people, delegations] = await db.batch([
    db.prepare(COLLEAGUES).bind(workspace, JSON.stringify(ids)),
    db.prepare(ACTIVE_DELEGATIONS).bind(workspace),
  ]);
  return {
    people: ((people?.results ?? []) as StoredColleague[]).map((row) => ({
      ...row,
      roles: JSON.parse(row.roles) as string[],
      active: row.active === 1,
    })),
    delegations: ((delegations?.results ?? []) as StoredDelegation[]).map(delegationOf),
  };
}

/** Whether somebody can be asked about a change at all: still here, and no author of it. */
export function canBeAsked(person: Colleague | undefined, authors: readonly string[]): person is Colleague {
  return person?.active === true && !authors.includes(person.id);
}

/** The active admins who are no authors, by id. */
export function adminsAmong(people: readonly Colleague[], authors: readonly string[]): Colleague[] {
  return people.filter((one) => one.roles.includes("admin") && canBeAsked(one, authors)).sort(byId);
}

/** Who is above somebody, nearest first, active or not. A line that leads back into itself ends there. */
export function managersOf(id: string, people: readonly Colleague[]): string[] {
  const known = new Map(people.map((person) => [person.id, person]));
  const line: string[] = [];
  for (let at = known.get(id)?.manager_id; at != null; at = known.get(at)?.manager_id) {
    if (at === id || line.includes(at)) break;
    line.push(at);
  }
  return line;
}
