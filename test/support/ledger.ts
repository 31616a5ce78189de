/** A workspace's ledger from the inside, and databases for it that fail, wait or count. */

import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { actorName, singletonAddress } from "../../src/actor/ids.ts";
import type { LedgerActor } from "../../src/audit/actor.ts";

/** A fresh stub: an aborted object breaks the stubs that it had. */
export function ledgerStub(workspace: string): DurableObjectStub<LedgerActor> {
  const namespace = env.LEDGER as unknown as DurableObjectNamespace<LedgerActor>;
  return namespace.get(namespace.idFromName(actorName(workspace, "ledger", singletonAddress("ledger"))));
}

export function inLedger<T>(workspace: string, work: (ledger: LedgerActor) => T | Promise<T>): Promise<T> {
  return runInDurableObject<LedgerActor, T>(ledgerStub(workspace), work);
}

/** Ends the ledger's instance where it stands, as a crash would: what it committed stays, what it was doing does not. */
export async function crash(workspace: string): Promise<void> {
  await runInDurableObject(ledgerStub(workspace), (_ledger, state) => state.abort("a crash, for a test")).catch(
    () => {},
  );
}

/** Gives the ledger's instance another database, until it is evicted or given the next one. */
export function giveDatabase(workspace: string, database: D1Database): Promise<void> {
  return inLedger(workspace, (ledger) => {
    const inside = ledger as unknown as { env: typeof env };
    inside.env = { ...inside.env, DB: database };
  });
}

/** The real database, each batch going through `batch` first: numbered from 1, with its number of statements. */
export function databaseWith(batch: (number: number, statements: number) => Promise<void> | void): D1Database {
  let number = 0;
  return {
    prepare: (query: string) => env.DB.prepare(query),
    batch: async (statements: D1PreparedStatement[]) => {
      number += 1;
      await batch(number, statements.length);
      return env.DB.batch(statements);
    },
  } as unknown as D1Database;
}

export function failingDatabase(): D1Database {
  return databaseWith(() => {
    throw new Error("D1_ERROR: the database is down");
  });
}

/** A promise and the means to let it come true. */
export function gate(): { readonly opened: Promise<void>; readonly open: () => void } {
  let open = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open: () => open() };
}
