/** What every actor needs of its workspace's ledger; the rest of what it does is in audit/ledger-api.ts. */
import type { ReadModelChange } from "../db/read-model.ts";
import type { ChainedEntry } from "./journal.ts";
import type { ActorKey } from "./remote.ts";

/** What an actor sends to its workspace's ledger: consecutive audited entries, and the read-model rows that they touched. */
export interface Shipment {
  readonly source: ActorKey;
  readonly entries: readonly ChainedEntry[];
  readonly changes: readonly ReadModelChange[];
  /** Nobody waits for it: the ledger may take it in together with others. */
  readonly lingered?: true;
}

export interface LedgerIntake {
  /** Stores the shipment durably and answers the seq up to which this chain is safe; entries it already has are dropped. */
  accept(shipment: Shipment): Promise<{ readonly acknowledged: number }>;
  /** Resolves once everything accepted before the call stands in D1; false when D1 does not take it now. */
  flushed(): Promise<boolean>;
  /** The effects of `source` for `target` are held up for good, or no more. */
  noteParked(source: ActorKey, target: ActorKey, isParked: boolean): void;
}
