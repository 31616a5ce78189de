/**
 * Makes the attempts that are due, a few at a time, so that one that hangs holds up no other; outcomes that come close together
 * are written down together. Its dependencies are arguments.
 */
import type { Outcome } from "./delivery.ts";
import type { StoredDelivery } from "./delivery-store.ts";

const AT_ONCE = 4;

export interface Attempted {
  readonly delivery: StoredDelivery;
  readonly outcome: Outcome;
}

interface Dependencies {
  /** What is due now, as far as `limit` goes. */
  readonly due: (limit: number) => readonly StoredDelivery[];
  readonly attempt: (delivery: StoredDelivery) => Promise<Outcome>;
  readonly settle: (attempts: readonly Attempted[]) => void;
  /** For how long outcomes are gathered. */
  readonly linger: () => Promise<void>;
}

export class Courier {
  readonly #deps: Dependencies;
  /** Under way, or not yet written down. */
  readonly #taken = new Map<number, Promise<void>>();
  #underWay = 0;
  #attempts: Attempted[] = [];
  #settling: Promise<void> | undefined;

  constructor(deps: Dependencies) {
    this.#deps = deps;
  }

  /** Begins what is due and is not under way; resolves when nothing is under way any more. */
  async run(): Promise<void> {
    this.#begin();
    while (this.#taken.size > 0) await Promise.all(this.#taken.values());
  }

  /** Resolves once the attempt under way for this delivery is written down. */
  async settled(n: number): Promise<void> {
    await this.#taken.get(n);
  }

  #begin(): void {
    if (this.#underWay >= AT_ONCE) return;
    const free = this.#deps.due(AT_ONCE + this.#taken.size).filter(({ n }) => !this.#taken.has(n));
    for (const delivery of free.slice(0, AT_ONCE - this.#underWay)) {
      this.#underWay += 1;
      this.#taken.set(delivery.n, this.#attempt(delivery));
    }
  }

  async #attempt(delivery: StoredDelivery): Promise<void> {
    try {
      const outcome = await this.#deps.attempt(delivery);
      this.#attempts.push({ delivery, outcome });
    } catch (thrown) {
      this.#taken.delete(delivery.n);
      throw thrown;
    } finally {
      this.#underWay -= 1;
    }
    this.#settling ??= this.#settleSoon();
    const settled = this.#settling;
    this.#begin();
    await settled;
  }

  async #settleSoon(): Promise<void> {
    await this.#deps.linger();
    this.#settling = undefined;
    const attempts = this.#attempts;
    this.#attempts = [];
    try {
      this.#deps.settle(attempts);
    } finally {
      for (const { delivery } of attempts) this.#taken.delete(delivery.n);
    }
    this.#begin();
  }
}
