/** How a lock's actor keeps the coordinator informed (04-locks-and-deadlocks, "Reporting"). An uncontended lock says nothing. */
import type { Address } from "../actor/ids.ts";
import { isContended, type Reported, type Reporting, reportOf, silent, snapshotOf } from "../deadlocks/lock-report.ts";
import type { Report, Snapshot } from "../deadlocks/snapshot.ts";
import { causeOf, log } from "../log.ts";
import type { LockBook } from "./lock-types.ts";

/** Changes within this time are one report. */
const MERGED_MS = 10;

interface Dependencies {
  /** Higher in every life of the actor: what an earlier one reported is known by it. Asked for once, before the first report. */
  readonly epoch: () => number;
  readonly key: () => string;
  readonly address: Address;
  /** The lock as it is now, settled. */
  readonly settled: () => LockBook;
  readonly send: (report: Report) => Promise<void>;
}

export class LockReporting {
  readonly #deps: Dependencies;
  #reporting: Reporting | undefined;
  #isDue = false;
  /** Whether an earlier life may have told of somebody who waits. */
  #mayBeKnown = false;

  constructor(deps: Dependencies) {
    this.#deps = deps;
  }

  /** The book as it was stored: if somebody waits, the coordinator hears of it anew, even if soon nobody does any more. */
  loaded(book: LockBook): void {
    this.#mayBeKnown = isContended(book);
    this.changed(book);
  }

  /** The book changed: whatever of it the coordinator has to know is sent soon. */
  changed(book: LockBook): void {
    const isKnown = this.#reporting !== undefined && this.#reporting.told !== null;
    if (this.#isDue || (!isKnown && !isContended(book))) return;
    this.#isDue = true;
    setTimeout(() => {
      this.#isDue = false;
      this.#send(this.#mayBeKnown ? this.snapshot() : this.#next(reportOf));
    }, MERGED_MS);
  }

  /** Sends all of it again, in case that a report was lost. */
  beat(): void {
    if (isContended(this.#deps.settled())) this.#send(this.snapshot());
  }

  /** All of it, for the coordinator that asks. */
  snapshot(): Snapshot {
    return this.#next(snapshotOf);
  }

  #next<R extends Report | undefined>(make: (reporting: Reporting, book: LockBook) => Reported<R>): R {
    const book = this.#deps.settled();
    this.#reporting ??= silent(this.#deps.key(), this.#deps.address, this.#deps.epoch());
    const { reporting, report } = make(this.#reporting, book);
    this.#reporting = reporting;
    this.#mayBeKnown = false;
    return report;
  }

  #send(report: Report | undefined): void {
    if (report === undefined) return;
    this.#deps.send(report).catch((thrown: unknown) => {
      // The next beat heals it.
      log("warn", "lock.not_reported", { lock: report.lock, cause: causeOf(thrown) });
    });
  }
}
