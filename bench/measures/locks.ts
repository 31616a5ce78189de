/** Acquire and release, by one client on a warm lock and by 64 on 64 locks, against the floor and against durable peers. */
import type { Contestant, LockClient } from "../contestants/contestant.ts";
import { closedLoop } from "../load.ts";
import { median, quantile, type Spread, spread, spreadText } from "../statistics.ts";
import type { Measure, Row, Stage } from "./measure.ts";

interface Round {
  /** ms of a pair, median */
  readonly latency: number;
  readonly perSecond: number;
  readonly p99: number;
}

export const oneClient: Measure = async (stage) => {
  const rounds = await inTurn(stage, 1);
  const ratio = against(rounds, "floor", (ours, theirs) => ours.latency / theirs.latency);
  const row: Row = {
    measure: "lock acquire + release, one warm lock, 1 client: latency against the floor",
    target: "≤ 1.5×",
    result: `${spreadText(ratio)}×; ${ms(rounds, "countersign")} against ${ms(rounds, "floor")}`,
    met: ratio.median <= 1.5,
  };
  const peers = stage.peers.map(({ name }) => {
    const factor = against(rounds, name, (ours, theirs) => theirs.latency / ours.latency);
    return {
      measure: `the same against ${name}: its latency in ours`,
      target: "≥ 1×",
      result: `${spreadText(factor)}×; ${ms(rounds, name)}`,
      met: factor.median >= 1,
    };
  });
  return { rows: [row, ...peers], data: Object.fromEntries(rounds) };
};

export const manyClients: Measure = async (all) => {
  const peers = all.peers.filter(({ soleClient }) => soleClient === undefined);
  for (const { name, soleClient } of all.peers) if (soleClient) console.log(`skipped: ${name} (${soleClient})`);
  const stage = { ...all, peers };
  const rounds = await inTurn(stage, 64);
  const ratio = against(rounds, "floor", (ours, theirs) => ours.perSecond / theirs.perSecond);
  const row: Row = {
    measure: "lock acquire + release, 64 clients on 64 locks: throughput against the floor",
    target: "≥ 0.6×",
    result: `${spreadText(ratio)}×; ${rate(rounds, "countersign")} against ${rate(rounds, "floor")}`,
    met: ratio.median >= 0.6,
  };
  const others = peers.map(({ name }) => {
    const factor = against(rounds, name, (ours, theirs) => ours.perSecond / theirs.perSecond);
    return {
      measure: `the same against ${name}: our throughput in its own`,
      target: "≥ 1×",
      result: `${spreadText(factor)}×; ${rate(rounds, name)}`,
      met: factor.median >= 1,
    };
  });
  return { rows: [row, ...others], data: Object.fromEntries(rounds) };
};

/** Contestants take turns within each round, so that what else the machine does falls on all of them. */
async function inTurn(stage: Stage, clients: number): Promise<Map<string, Round[]>> {
  const contestants = [stage.floor, stage.countersign, ...stage.peers];
  const rounds = new Map<string, Round[]>(contestants.map(({ name }) => [name, []]));
  const connected = new Map<Contestant, LockClient[]>();
  for (const one of contestants) {
    connected.set(one, await Promise.all(Array.from({ length: clients }, (_, n) => one.client(n))));
  }
  try {
    // One round that does not count: locks are created, code is compiled.
    for (let round = -1; round < stage.rounds; round += 1) {
      for (const [one, ready] of connected) {
        const pair = async (client: number) => ready[client]?.pair(`database:bench/${clients}-${client}`);
        // Objects that were called by nobody while others had their turns may be asleep: the locks are to be warm.
        await Promise.all(ready.map((_, client) => pair(client)));
        const { latencies, perSecond } = await closedLoop(clients, stage.seconds, pair);
        if (round >= 0)
          rounds.get(one.name)?.push({ latency: median(latencies), perSecond, p99: quantile(latencies, 0.99) });
      }
    }
  } finally {
    await Promise.all([...connected.values()].flat().map((client) => client.close()));
  }
  return rounds;
}

/** A ratio of each round of ours to the same round of another. */
function against(rounds: Map<string, Round[]>, other: string, ratio: (ours: Round, theirs: Round) => number): Spread {
  const theirs = rounds.get(other) ?? [];
  return spread(
    (rounds.get("countersign") ?? []).flatMap((ours, n) => {
      const same = theirs[n];
      return same === undefined ? [] : [ratio(ours, same)];
    }),
  );
}

function ms(rounds: Map<string, Round[]>, name: string): string {
  return `${median((rounds.get(name) ?? []).map(({ latency }) => latency)).toFixed(2)} ms`;
}

function rate(rounds: Map<string, Round[]>, name: string): string {
  return `${median((rounds.get(name) ?? []).map(({ perSecond }) => perSecond)).toFixed(0)} pairs/s`;
}
