/** What the parts of a ledger share: its storage, its commits, and the way to D1. */
import type { Caller } from "../actor/caller.ts";
import type { Commit } from "../actor/commit.ts";
import type { ChainedEntry, Happening } from "../actor/journal.ts";
import type { Storage } from "../actor/storage.ts";
import type { ConfigurationChange } from "../db/configuration.ts";
import type { ReadModelChange } from "../db/read-model.ts";
import type { Env } from "../env.ts";
import type { ChainHead } from "./ledger-api.ts";
import type { News } from "./plan.ts";

/** What one accepted shipment or configuration change still owes to D1. */
export interface Pending {
  readonly entries: readonly ChainedEntry[];
  readonly changes: readonly ReadModelChange[];
  readonly configuration: readonly ConfigurationChange[];
  /** To be told once D1 has it. */
  readonly news?: readonly News[];
  /** Went to D1 before and does so again after a loss: no news to whoever follows a feed up to this id (0: nobody does). */
  readonly again?: { readonly told: number };
}

export interface LedgerCore {
  readonly env: Env;
  readonly workspace: string;
  readonly sql: SqlStorage;
  readonly store: Storage;
  readonly commit: <T>(caller: Caller, work: (tx: Commit) => T) => T;
  /** Journals in the ledger's own chain; the rows go to D1 in one batch with the configuration that they tell of. */
  readonly record: (tx: Commit, happenings: readonly Happening[], changes?: readonly ConfigurationChange[]) => void;
  readonly owe: (tx: Commit, pending: Pending) => void;
  /** The id up to which somebody was told of D1's rows; 0 if nobody was. */
  readonly told: () => number;
  /** Brings what is owed to D1; false when D1 does not take it now. */
  readonly flush: () => Promise<boolean>;
  readonly headOf: (source: string) => ChainHead | null;
  readonly heads: (after: string, limit: number) => ChainHead[];
}

/** Rows of a query over the ledger's own tables. */
export function rowsOf<Row extends object>(sql: SqlStorage, query: string, ...binds: (string | number)[]): Row[] {
  return sql.exec(query, ...binds).toArray() as Row[];
}
