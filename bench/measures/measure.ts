/** One row of 06-performance's table: what is measured, what was wanted, what came out. */

import type { Contestant } from "../contestants/contestant.ts";
import type { Countersign } from "../contestants/countersign.ts";
import type { Floor } from "../contestants/floor.ts";

export interface Row {
  readonly measure: string;
  readonly target: string;
  readonly result: string;
  /** undefined: the row only informs */
  readonly met?: boolean;
}

export interface Outcome {
  readonly rows: readonly Row[];
  /** Everything that was measured, for bench/results. */
  readonly data: unknown;
}

export interface Stage {
  readonly floor: Floor;
  readonly countersign: Countersign;
  readonly peers: readonly Contestant[];
  /** Rounds of each contestant, taken in turn. */
  readonly rounds: number;
  /** Seconds of load in a round. */
  readonly seconds: number;
}

export type Measure = (stage: Stage) => Promise<Outcome>;
