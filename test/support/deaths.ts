/** Actors of a workspace that die with one of their commits. */
import { type Committed, onCommits } from "./commits.ts";
import type { Stage } from "./stage.ts";

/** Dies with its nth commit: before the write is safe, or right after. */
export type Death = "before it is safe" | "right after";

/** Counts the commits of this workspace until the mocks are restored; whoever makes the nth one dies. */
export function killAt(stage: Stage, n: number, death: Death): { readonly commits: () => number } {
  let commits = 0;
  onCommits(stage.workspace, (actor: Committed) => {
    if (actor.place.kind === "ledger" || actor.place.kind === "inbox") return;
    commits += 1;
    if (commits !== n) return;
    const die = () => actor.ctx.abort("a crash, for a test");
    if (death === "right after") void actor.ctx.storage.sync().then(die, () => {});
    else die();
  });
  return { commits: () => commits };
}
