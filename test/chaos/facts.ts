/** What was acknowledged to clients in words of the trail: an action, and the id of what it was done to. */
import type { AuditRow } from "../../src/audit/contract.ts";

const UUID = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g;

export class Facts {
  readonly #acts = new Map<string, "once" | "at least once">();

  get size(): number {
    return this.#acts.size;
  }

  /** Can happen to this id but once. */
  once(action: string, id: string): void {
    this.#acts.set(`${action} ${id}`, "once");
  }

  atLeastOnce(action: string, id: string): void {
    this.#acts.set(`${action} ${id}`, "at least once");
  }

  /** What the trail does not tell, or tells too often. */
  contradictedBy(trail: readonly AuditRow[]): string[] {
    const times = new Map<string, number>();
    for (const { action, subject_id, details } of trail) {
      const ids = new Set(JSON.stringify([subject_id, details]).match(UUID));
      for (const id of ids) times.set(`${action} ${id}`, (times.get(`${action} ${id}`) ?? 0) + 1);
    }
    return [...this.#acts].flatMap(([act, often]) => {
      const told = times.get(act) ?? 0;
      return told === 1 || (told > 1 && often === "at least once") ? [] : [`${act} stands ${told} times in the trail`];
    });
  }
}
