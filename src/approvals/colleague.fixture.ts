import type { Colleague } from "./colleagues.ts";

/** Somebody who is here and manages themselves, for tests. */
export function colleague(id: string, given: Partial<Colleague> = {}): Colleague {
  return { id, name: `Name of ${id}`, roles: ["reviewer"], manager_id: null, active: true, ...given };
}

/** ann and bob review, each under a manager under `top`; cid has no manager; adm and boss are admins. */
export function firm(...changed: readonly Colleague[]): Colleague[] {
  const usual = [
    colleague("ann", { manager_id: "mia" }),
    colleague("bob", { manager_id: "max" }),
    colleague("cid"),
    colleague("mia", { roles: [], manager_id: "top" }),
    colleague("max", { roles: [], manager_id: "top" }),
    colleague("top", { roles: [] }),
    colleague("adm", { roles: ["admin"] }),
    colleague("boss", { roles: ["admin"] }),
  ];
  return [...usual.filter(({ id }) => changed.every((one) => one.id !== id)), ...changed];
}
