/** Whether a chain in D1 is what its actor wrote (05-realtime-and-audit, "Audit"; 01-architecture, "journal"). Pure. */
import { canonicalJson, GENESIS, linkHash } from "../actor/journal.ts";
import type { FirstBad } from "./contract.ts";
import { entryOf, type StoredAuditRow } from "./query.ts";

/** Seq and hash of one entry: where a chain stands. */
export interface Link {
  readonly seq: number;
  readonly hash: string;
}

/** How far a chain was followed, and what was wrong first. */
export interface ChainCheck {
  readonly checked: number;
  /** The last row that was in order. */
  readonly last: Link;
  /** The first row above the head that was known when the check began. */
  readonly beyond?: FirstBad;
  readonly first_bad?: FirstBad;
}

export const UNCHECKED: ChainCheck = { checked: 0, last: { seq: 0, hash: GENESIS } };

/** The check of a chain that begins after this entry; null: with its first one. */
export function startOf(beginning: Link | null): ChainCheck {
  return beginning === null ? UNCHECKED : { checked: 0, last: { seq: beginning.seq, hash: beginning.hash } };
}

/**
 * Follows the next rows of a chain, in the order of seq, up to the first that is wrong. Seqs have gaps (entries outside the
 * chain take numbers too), so rows follow one another by hash alone.
 *
 * @param head where the actor says its chain stood before the rows were read; more may have been written since.
 */
export function verifyChain(rows: readonly StoredAuditRow[], head: Link, so_far: ChainCheck = UNCHECKED): ChainCheck {
  let check = so_far;
  for (const row of rows) {
    if (check.first_bad !== undefined) return check;
    const problem = problemOf(row, head, check.last);
    check = {
      ...check,
      checked: check.checked + 1,
      ...(row.seq > head.seq && check.beyond === undefined && { beyond: badRow(row, "unknown") }),
      ...(problem === undefined ? { last: { seq: row.seq, hash: row.hash } } : { first_bad: problem }),
    };
  }
  return check;
}

/**
 * The verdict once all rows were followed: the head must be there, and no row that nobody wrote.
 *
 * @param later where the chain stands now; asked for only if there are rows beyond the head.
 */
export function verifyEnd(check: ChainCheck, head: Link, later: Link = head): ChainCheck {
  const { last, beyond, first_bad } = check;
  if (first_bad !== undefined) return check;
  if (last.seq < head.seq) return { ...check, first_bad: { seq: head.seq, problem: "missing" } };
  const unwritten = last.seq > later.seq || (last.seq === later.seq && last.hash !== later.hash);
  return beyond !== undefined && unwritten ? { ...check, first_bad: beyond } : check;
}

function problemOf(row: StoredAuditRow, head: Link, last: Link): FirstBad | undefined {
  if (row.prev_hash !== last.hash) return badRow(row, "unlinked");
  const entry = entryOf(row);
  if (entry === undefined || linkHash(last.hash, canonicalJson(entry)) !== row.hash) return badRow(row, "altered");
  // A chain that was rewritten from some row on links well, but ends in another hash.
  if (row.seq === head.seq && row.hash !== head.hash) return badRow(row, "altered");
  return row.seq > head.seq && last.seq < head.seq ? { seq: head.seq, problem: "missing" } : undefined;
}

function badRow({ seq, id }: StoredAuditRow, problem: FirstBad["problem"]): FirstBad {
  return { seq, id, problem };
}
