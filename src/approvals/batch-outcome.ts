/**
 * What a coordinator says of a batch: two-phase commit with presumed abort (Mohan, Lindsay and Obermarck, 1986;
 * docs/design/batch.md). Only a commit has to be recorded before anybody is told. Pure.
 */

export type BatchOutcome = "committed" | "aborted";

/** How one task answered the order to prepare; `unheard`: it did not, and may or may not have promised. */
export type Answered = "promised" | "refused" | "unheard";

export interface Conclusion {
  readonly outcome: BatchOutcome;
  /** The tasks that have to be told: all that promised, or may have. */
  readonly told: readonly string[];
}

/** The end of a batch, once every task has answered or had its time. `recorded`: what a task that asked was told already. */
export function conclude(answers: ReadonlyMap<string, Answered>, recorded: BatchOutcome | undefined): Conclusion {
  const promised = [...answers.values()].every((answer) => answer === "promised");
  return {
    outcome: promised && recorded === undefined ? "committed" : "aborted",
    told: [...answers].filter(([, answer]) => answer !== "refused").map(([task]) => task),
  };
}

/** What a task that asks is told, and what is recorded if nothing is yet: from then on the batch cannot be committed. */
export function whenAsked(recorded: BatchOutcome | undefined): BatchOutcome {
  return recorded ?? "aborted";
}

/** A batch that holds a task which another one wants. */
export interface Rival {
  readonly batch_id: string;
  /** ms */
  readonly began_at: number;
}

/**
 * Whether a batch may wait for what its rival holds. Only an elder waits for a younger (wait-die: Rosenkrantz, Stearns and Lewis,
 * 1978), so nobody waits in a circle, and of batches that meet the eldest gets through.
 */
export function mayWaitFor(own: Rival, rival: Rival): boolean {
  if (own.began_at !== rival.began_at) return own.began_at < rival.began_at;
  return own.batch_id < rival.batch_id;
}
