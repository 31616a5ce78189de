/** What was acknowledged to clients in words of the trail: an action, and the id of what it was done to. */
import type { AuditRow } from "../../src/audit/contract.ts";

const UUID = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g;

interface Fact {
  readonly id: string;
  /** any of them */
  readonly actions: readonly string[];
  readonly most: number;
}

export class Facts {
  readonly #facts = new Map<string, Fact>();

  get size(): number {
    return this.#facts.size;
  }

  /** Befell this id, and can do so but once. */
  once(id: string, action: string): void {
    this.#facts.set(`${action} ${id}`, { id, actions: [action], most: 1 });
  }

  /** Some of these befell this id. */
  atLeastOnce(id: string, ...actions: readonly string[]): void {
    this.#facts.set(`${actions} ${id}`, { id, actions, most: Number.POSITIVE_INFINITY });
  }

  /** What the trail does not tell, or tells too often. */
  contradictedBy(trail: readonly AuditRow[]): string[] {
    const times = new Map<string, number>();
    for (const { action, subject_id, details } of trail) {
      const ids = new Set(JSON.stringify([subject_id, details]).match(UUID));
      for (const id of ids) times.set(`${action} ${id}`, (times.get(`${action} ${id}`) ?? 0) + 1);
    }
    return [...this.#facts.values()].flatMap(({ id, actions, most }) => {
      const told = actions.reduce((sum, action) => sum + (times.get(`${action} ${id}`) ?? 0), 0);
      return told >= 1 && told <= most ? [] : [`${actions.join(" or ")} of ${id} stands ${told} times in the trail`];
    });
  }
}
