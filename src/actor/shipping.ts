/**
 * Journal to ledger (01-architecture): everything above the last acknowledged seq, one call in flight, after a linger. Needs
 * no outbox row; an alarm at most {@link SHIP_SWEEP_MS} away keeps a killed process from stranding entries.
 */
import { causeOf, log } from "../log.ts";
import type { Shipment } from "./ledger-api.ts";
import { backoffMs } from "./timers.ts";

export const SHIP_TIMER = "$ship";
export const SHIP_SWEEP_MS = 30_000;

/** Shipping each entry by itself costs over half of a lock's throughput, lingering about a sixth (06-performance). */
const LINGER_MS = 75;
/** That many waiting entries are shipped at once. */
const FULL = 100;

interface Dependencies {
  readonly source: string;
  /** The next shipment, or undefined when all is acknowledged. */
  readonly next: (limit: number) => Shipment | undefined;
  readonly send: (shipment: Shipment) => Promise<{ readonly acknowledged: number }>;
  /** Commits the acknowledgement. */
  readonly acknowledged: (seq: number) => void;
  readonly retryAt: (dueAt: number) => void;
}

export class Shipping {
  readonly #deps: Dependencies;
  #linger: ReturnType<typeof setTimeout> | undefined;
  #inFlight: Promise<boolean> | undefined;
  #failures = 0;

  constructor(deps: Dependencies) {
    this.#deps = deps;
  }

  /** Call after a commit that extended the chain; `waiting` entries are not acknowledged yet. */
  poke(waiting: number): void {
    if (this.#failures > 0) return;
    if (waiting >= FULL) {
      void this.ship();
      return;
    }
    this.#linger ??= setTimeout(() => {
      this.#linger = undefined;
      void this.ship();
    }, LINGER_MS);
  }

  /** Ships until nothing is left. True if all is acknowledged. Never rejects: a failure is logged and tried again. */
  async ship(): Promise<boolean> {
    // The run under way may have looked for the last time already.
    while (this.#inFlight !== undefined) if (!(await this.#inFlight)) return false;
    const run = this.#run();
    this.#inFlight = run;
    const done = await run;
    if (this.#inFlight === run) this.#inFlight = undefined;
    return done;
  }

  async #run(): Promise<boolean> {
    clearTimeout(this.#linger);
    this.#linger = undefined;
    for (;;) {
      try {
        const shipment = this.#deps.next(FULL);
        if (shipment === undefined) return true;
        const { acknowledged } = await this.#deps.send(shipment);
        this.#deps.acknowledged(acknowledged);
        this.#failures = 0;
      } catch (thrown) {
        this.#failures += 1;
        if (this.#failures === 1) log("error", "ship.failed", { source: this.#deps.source, cause: causeOf(thrown) });
        this.#deps.retryAt(Date.now() + backoffMs(this.#failures, Math.random()));
        return false;
      }
    }
  }
}
