/** Which life of an actor it is, for others to tell what an earlier one said from what it says now. */
import type { Commit } from "./commit.ts";
import type { Storage } from "./storage.ts";

interface Dependencies {
  /** of an actor that exists */
  readonly store: Pick<Storage, "read">;
  readonly commit: (work: (tx: Commit) => void) => void;
  /** where the count is kept */
  readonly document: string;
}

/**
 * The number of a life that is about to be told of: higher than that of every life before it. Counted on disk, as a life on
 * another machine may have a clock that is behind.
 */
export function nextLife({ store, commit, document }: Dependencies): number {
  const life = (store.read<number>(document) ?? 0) + 1;
  commit((tx) => tx.store.write(document, life));
  return life;
}
