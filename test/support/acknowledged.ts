import { expect } from "vitest";
import type { AuditRow } from "../../src/audit/contract.ts";
import type { Lock } from "../../src/locks/contract.ts";

type Held = Pick<Lock, "id" | "resource_id" | "mode" | "fencing_token">;

/** Everything that a server acknowledged to its clients, held against whatever it says later. A contradiction throws. */
export class Acknowledged {
  readonly #rows = new Set<string>();
  readonly #tokens = new Map<string, Set<number>>();
  readonly #held = new Map<string, Held>();

  /** How many acknowledged acts the trail has to tell. */
  get size(): number {
    return this.#rows.size;
  }

  queued({ id }: Pick<Lock, "id">): void {
    this.#rows.add(`lock.queued ${id}`);
  }

  /** No two conflicting holders; no fencing token twice; an exclusive one is higher than all before it, whatever died between. */
  granted(lock: Held): void {
    const { id, resource_id, mode, fencing_token: token = 0 } = lock;
    const tokens = this.#tokens.get(resource_id) ?? new Set();
    this.#tokens.set(resource_id, tokens);
    expect(tokens, `token ${token} of ${resource_id} was handed out before`).not.toContain(token);
    if (mode === "exclusive") expect(token).toBeGreaterThan(Math.max(0, ...tokens));
    const others = [...this.#held.values()].filter((held) => held.resource_id === resource_id);
    const conflicts = others.filter((held) => mode === "exclusive" || held.mode === "exclusive");
    expect(conflicts, `${id} was granted beside conflicting holders`).toEqual([]);
    tokens.add(token);
    this.#held.set(id, lock);
    this.#rows.add(`lock.acquired ${id}`);
  }

  /** From here on the server may give the lock to somebody else: before it acknowledges the release, too. */
  releasing({ id }: Pick<Lock, "id">): void {
    this.#held.delete(id);
  }

  released({ id }: Pick<Lock, "id">): void {
    this.#rows.add(`lock.released ${id}`);
  }

  /** Acts of a task, each of which it sees once. */
  task(id: string, ...actions: string[]): void {
    for (const action of actions) this.#rows.add(`${action} ${id}`);
  }

  /** What was acknowledged and does not stand in the trail exactly once. */
  missingFrom(trail: readonly AuditRow[]): string[] {
    const times = new Map<string, number>();
    for (const { action, subject_id, details } of trail) {
      const about = action.startsWith("lock.") ? details?.lock_id : (details?.task_id ?? subject_id);
      const row = `${action} ${about}`;
      times.set(row, (times.get(row) ?? 0) + 1);
    }
    return [...this.#rows].filter((row) => times.get(row) !== 1);
  }
}
