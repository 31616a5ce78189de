/** What goes wrong in a run and when: made of a seed, plain JSON. */
import type { Random } from "../support/random.ts";
import { type Faults, MOODS, NO_FAULTS } from "./faults.ts";

export type Deed =
  /** `until_met`: and longer, if need be, until the receiver was asked for something in that mood. */
  | { readonly do: "beset"; readonly with: Faults; readonly until_met?: true }
  /** `kill -9`, and so long (ms) until it is started again. */
  | { readonly do: "kill"; readonly down_ms: number };

/** A deed, and how long (ms) to leave it at that. */
export type Program = readonly (Deed & { readonly for_ms: number })[];

/** A program of about so many ms: it begins and ends with a kill, between them every kind of fault comes, alone or with others. */
export function programOf(random: Random, ms: number): Program {
  const steps: (Deed & { for_ms: number })[] = [];
  for (let left = ms; left > 0; ) {
    const deed = steps.length % 4 === 1 ? killOf(random) : besetOf(random);
    const for_ms = Math.floor(random.between(600, 3_500));
    steps.push({ ...deed, for_ms });
    left -= for_ms + (deed.do === "kill" ? 1_500 : 0);
  }
  return [...steps, { ...killOf(random), for_ms: 200 }];
}

function killOf(random: Random): Deed {
  return { do: "kill", down_ms: random.chance(0.2) ? Math.floor(random.between(0, 2_000)) : 0 };
}

function besetOf(random: Random): Deed {
  const often = (most: number) => (random.chance(0.5) ? random.between(0, most) : 0);
  return {
    do: "beset",
    with: {
      ...NO_FAULTS,
      death: often(0.03),
      eviction: often(0.2),
      delivery: often(0.3),
      alarm: often(0.4),
      shipment: often(0.2),
      flush: often(0.15),
      database: random.pick(["well", "well", "slow", "down"]),
      receiver: random.pick(MOODS),
      skew_ms: random.chance(0.4) ? Math.floor(random.between(-4_000, 2_000)) : 0,
      life_skew_ms: random.chance(0.5) ? 1_500 : 0,
    },
  };
}
