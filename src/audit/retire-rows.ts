/** The deletion of retired rows from D1, past a trigger that lets nothing else be deleted from `audit_log`. */
import { giveWay } from "../actor/give-way.ts";

/** Rows at a time: D1 gives a batch 30 s, and one that is local does nothing else meanwhile (50 ms). */
const ROWS = 5_000;
/** How long others are given way after each batch (ms). */
const PAUSE_MS = 10;

/**
 * Marks these chains as retired up to their `seq`, and deletes some of what stands there; true while there is more. One atomic
 * batch, which may be repeated.
 */
export async function retireRows(
  db: D1Database,
  workspace: string,
  chains: readonly { readonly source: string; readonly seq: number }[],
): Promise<boolean> {
  const json = JSON.stringify(chains);
  const [, deleted] = await db.batch([
    db
      .prepare(
        `INSERT INTO audit_retained (workspace, actor, seq)
         SELECT ?1, value ->> 'source', value ->> 'seq' FROM json_each(?2)
         WHERE true ON CONFLICT (workspace, actor) DO UPDATE SET seq = max(seq, excluded.seq)`,
      )
      .bind(workspace, json),
    db
      .prepare(
        `DELETE FROM audit_log WHERE id IN (
           SELECT row.id FROM json_each(?2) AS chain CROSS JOIN audit_log AS row
           WHERE row.workspace = ?1 AND row.actor = chain.value ->> 'source' AND row.seq <= chain.value ->> 'seq'
           LIMIT ${ROWS}
         )`,
      )
      .bind(workspace, json),
  ]);
  const more = (deleted?.meta.changes ?? 0) >= ROWS;
  if (more) await giveWay(PAUSE_MS);
  return more;
}
