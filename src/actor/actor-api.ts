/** The calls that every actor takes from others (01-architecture, "The actor kit"). */
import type { ChainedEntry } from "./journal.ts";
import type { Shipment } from "./ledger-api.ts";
import type { EffectRow, Receipt } from "./outbox.ts";
import type { ActorKey } from "./remote.ts";

export interface ActorApi {
  deliver(to: ActorKey, source: ActorKey, rows: readonly EffectRow[]): Promise<Receipt>;
  /** Seq and hash of the chain's last entry; null if this actor has no chain. */
  head(): { readonly seq: number; readonly hash: string } | null;
  /** The chain's audited entries above `after`, oldest first. */
  chain(after: number, limit: number): ChainedEntry[];
  /** Ships everything to the ledger now; false if the ledger did not take it. */
  ship(): Promise<boolean>;
  /** What it still keeps of its chain above `after`, and its rows in the read models as they are now: D1 lost them. */
  recount(after: number, limit: number): Pick<Shipment, "entries" | "changes">;
}
