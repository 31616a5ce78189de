/**
 * Shipments as they reach the ledger. What its sender let linger anyhow comes in at most every {@link GAP_MS}, all in one
 * commit and one batch for D1: with a hundred actors at work each by itself would be as many durable writes.
 */
import type { Commit } from "../actor/commit.ts";
import type { Shipment } from "../actor/ledger-api.ts";
import { Pace } from "../actor/pace.ts";
import type { Pending } from "./ledger-core.ts";

/** A third of what an entry may take to D1 (06-performance): a quarter of a second at 500 events/s. */
const GAP_MS = 75;

interface Acknowledged {
  readonly acknowledged: number;
}

export interface Taken extends Acknowledged {
  /** what of it is new; undefined if nothing is */
  readonly pending?: Pending;
}

interface Arrival {
  readonly shipment: Shipment;
  readonly answer: (taken: Acknowledged) => void;
  readonly refuse: (thrown: unknown) => void;
}

interface Dependencies {
  /** Runs the work in one commit. */
  readonly commit: (work: (tx: Commit) => void) => void;
  /** Takes one shipment's chain on within that commit; throws, having written nothing, on one that may not be let in. */
  readonly take: (shipment: Shipment) => Taken;
  /** Writes down what all that were taken owe to D1. */
  readonly owe: (tx: Commit, pending: readonly Pending[]) => void;
  /** Something new is owed to D1. */
  readonly taken: () => void;
}

export class Arrivals {
  readonly #deps: Dependencies;
  readonly #pace = new Pace(GAP_MS, () => this.#takeAll());
  #waiting: Arrival[] = [];

  constructor(deps: Dependencies) {
    this.#deps = deps;
  }

  /** Resolves once the shipment is durable; rejects on one that may not be let in. */
  accept(shipment: Shipment): Promise<Acknowledged> {
    const { promise, resolve, reject } = Promise.withResolvers<Acknowledged>();
    this.#waiting.push({ shipment, answer: resolve, refuse: reject });
    if (shipment.lingered) this.#pace.soon();
    else this.#pace.now();
    return promise;
  }

  #takeAll(): void {
    const arrivals = this.#waiting.splice(0);
    const answers: (() => void)[] = [];
    try {
      this.#deps.commit((tx) => {
        const owed: Pending[] = [];
        for (const { shipment, answer, refuse } of arrivals) {
          try {
            const { acknowledged, pending } = this.#deps.take(shipment);
            if (pending !== undefined) owed.push(pending);
            answers.push(() => answer({ acknowledged }));
          } catch (thrown) {
            answers.push(() => refuse(thrown));
          }
        }
        this.#deps.owe(tx, owed);
      });
    } catch (thrown) {
      for (const { refuse } of arrivals) refuse(thrown);
      return;
    }
    for (const answer of answers) answer();
    this.#deps.taken();
  }
}
