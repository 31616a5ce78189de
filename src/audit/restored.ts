/** Entries that D1 lost, on their way back: below what was told of the feeds, so that nobody hears of them twice. */
import type { ChainedEntry } from "../actor/journal.ts";
import type { Flush } from "../db/flush.ts";
import { lastUpTo } from "./feed.ts";

export interface Lost {
  readonly entries: readonly ChainedEntry[];
  /** the id up to which followers had been told; 0: nobody follows */
  readonly told: number;
}

/** The flush with what was lost in it; its ids are free ones up to `told` where there are enough of them, else what D1 gives. */
export async function withRestored(db: D1Database, flush: Flush, { entries, told }: Lost): Promise<Flush> {
  if (entries.length === 0) return flush;
  const last = told === 0 ? 0 : await lastUpTo(db, told);
  if (told === 0 || last + entries.length > told) return { ...flush, entries: [...flush.entries, ...entries] };
  return { ...flush, restored: entries.map((entry, at) => ({ ...entry, id: last + at + 1 })) };
}
