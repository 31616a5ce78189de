import type { Waited } from "./reported-locks.ts";
import { median } from "./statistics.ts";

/** µs of each wait. */
export interface Costs {
  readonly all: readonly number[];
  /** Of those that closed a deadlock. */
  readonly closing: readonly number[];
  /** Of all others. */
  readonly quiet: readonly number[];
}

/** What each wait of `run` costs: the median over rounds, in which it does the same again. One more round warms up. */
export function costs(run: () => readonly Waited[], rounds: number): Costs {
  run();
  const runs = Array.from({ length: rounds }, run);
  const all: number[] = [];
  const closing: number[] = [];
  const quiet: number[] = [];
  for (const [at, { closed }] of (runs[0] ?? []).entries()) {
    const us = median(runs.flatMap((one) => one[at]?.us ?? []));
    all.push(us);
    (closed ? closing : quiet).push(us);
  }
  return { all, closing, quiet };
}
