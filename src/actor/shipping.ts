/**
 * Journal to ledger (01-architecture): everything above the last acknowledged seq, one call in flight, after a linger. Needs
 * no outbox row; an alarm at most {@link SHIP_SWEEP_MS} away keeps a killed process from stranding entries.
 */
import { causeOf, log } from "../log.ts";
import type { Shipment } from "./ledger-api.ts";
import { backoffMs } from "./timers.ts";
import { Turns } from "./turns.ts";

export const SHIP_TIMER = "$ship";
/** The specification allows 30 s; after a crash the trail should be whole within 10. */
export const SHIP_SWEEP_MS = 5_000;

/** Shipping each entry by itself costs over half of a lock's throughput, lingering about a sixth (06-performance). */
const LINGER_MS = 75;
/** That many waiting entries are shipped at once. */
const FULL = 100;

interface Dependencies {
  readonly source: string;
  /** How far the chain's head is ahead of what the ledger acknowledged; 0 when all is safe. */
  readonly waiting: () => number;
  /** The next shipment, or undefined when all is acknowledged. */
  readonly next: (limit: number) => Shipment | undefined;
  readonly send: (shipment: Shipment) => Promise<{ readonly acknowledged: number }>;
  /** Takes note of the acknowledgement. */
  readonly acknowledged: (seq: number) => void;
  readonly retryAt: (dueAt: number) => void;
}

export class Shipping {
  readonly #deps: Dependencies;
  readonly #turns = new Turns();
  #linger: ReturnType<typeof setTimeout> | undefined;
  #failures = 0;

  constructor(deps: Dependencies) {
    this.#deps = deps;
  }

  /** Call after a commit that extended the chain. */
  poke(): void {
    const waiting = this.#deps.waiting();
    // After a failure the retry timer is the only clock.
    if (waiting === 0 || this.#failures > 0) return;
    // A run under way goes on by itself while a full batch waits.
    if (waiting >= FULL && this.#turns.idle) this.#start();
    else this.#linger ??= setTimeout(() => this.#start(), LINGER_MS);
  }

  /** Ships until nothing is left. True if all is acknowledged; a failure is logged, tried again later, and false. */
  ship(): Promise<boolean> {
    return this.#turns.take(() => this.#run(1));
  }

  #start(): void {
    this.#turns
      .take(() => this.#run(FULL))
      .catch((thrown: unknown) => log("error", "ship.stuck", { source: this.#deps.source, cause: causeOf(thrown) }));
  }

  /** Ships one batch, and on while at least `enough` entries wait: fewer have to linger, or each would be sent by itself. */
  async #run(enough: number): Promise<boolean> {
    clearTimeout(this.#linger);
    this.#linger = undefined;
    do {
      try {
        const shipment = this.#deps.next(FULL);
        if (shipment === undefined) return true;
        const asked = enough === 1;
        const { acknowledged } = await this.#deps.send(asked ? shipment : { ...shipment, lingered: true });
        // Would loop for ever: a ledger that is behind what it once acknowledged has lost something.
        if (acknowledged < (shipment.entries[0]?.entry.seq ?? 0))
          throw new Error(`the ledger stands at ${acknowledged}`);
        this.#deps.acknowledged(acknowledged);
        this.#failures = 0;
      } catch (thrown) {
        this.#failures += 1;
        if (this.#failures === 1) log("error", "ship.failed", { source: this.#deps.source, cause: causeOf(thrown) });
        this.#deps.retryAt(Date.now() + backoffMs(this.#failures, Math.random()));
        return false;
      }
    } while (this.#deps.waiting() >= enough);
    this.poke();
    return true;
  }
}
