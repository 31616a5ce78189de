/** Whether a shipment continues the chain that the ledger has. Pure. */
import { type ChainedEntry, canonicalJson, linkHash } from "../actor/journal.ts";

/** Throws on a shipment that was altered, or lost something on the way: it must never be let in. */
export function assertContinues(
  workspace: string,
  source: string,
  head: { readonly seq: number; readonly hash: string },
  entries: readonly ChainedEntry[],
): void {
  let { seq, hash: prev } = head;
  for (const { entry, prev_hash, hash } of entries) {
    const own = entry.actor === source && entry.workspace === workspace && entry.seq > seq;
    if (!own || prev_hash !== prev || linkHash(prev, canonicalJson(entry)) !== hash) {
      throw new Error(`${source} does not link at seq ${entry.seq}`);
    }
    seq = entry.seq;
    prev = hash;
  }
}
