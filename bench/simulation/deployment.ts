/** One workspace of a deployment at a multiple of the target load, with service times as measured (docs/scaling.md). Pure. */
import type { Flow, Visit } from "./model.ts";

/** ms of a single-threaded object's time. Where each figure comes from stands in docs/scaling.md. */
export const WORK = {
  /** a command with one durable write: the floor's 2,000 calls/s */
  commit: 0.5,
  /** a shipment taken in by the ledger, with its share of a commit */
  accept: 0.2,
  /** a report to the coordinator, its search included */
  report: 0.1,
  /** one flush to D1, whatever it holds, and each row of it in batches, with its indexes */
  flush: 5,
  row: 0.05,
} as const;

/** ms one way */
export const NETWORK = { near: 5, continent: 15, world: 60 } as const;

export interface Shards {
  readonly ledgers: number;
  readonly coordinators: number;
  readonly dispatchers: number;
}

/** The load of 06 at 1×: a second's worth. */
const TARGET = { tasks: 1_000 / 60, pairs: 500 / 2, beats: 50_000 / 10 } as const;
const SHARE_CONTENDED = 0.05;
const RESOURCES = 50_000;
const AGENTS = 1_000;
const REVIEWERS = 200;

export function workspaceAt(times: number, shards: Shards): Flow[] {
  const some = (random: () => number, count: number) => Math.floor(random() * count);
  // Zipf-like: a tenth of all goes to a hundredth of the resources.
  const resource = (random: () => number) =>
    `resource:${random() < 0.1 ? some(random, RESOURCES / 100) : some(random, RESOURCES * times)}`;
  const agent = (random: () => number) => `agent:${some(random, AGENTS * times)}`;
  const inbox = (random: () => number) => `inbox:${some(random, REVIEWERS * times)}`;
  const ledger = (random: () => number) => `ledger:${some(random, shards.ledgers)}`;
  const one = (kind: string, count: number) => (random: () => number) => `${kind}:${some(random, count)}`;
  const coordinator = one("coordinator", shards.coordinators);
  const dispatch = one("dispatch", shards.dispatchers);

  /** A shipment after the answer, and its share of a flush. */
  const shipped = (random: () => number, rows: number): Visit[] => {
    const to = ledger(random);
    return [
      { station: to, work: WORK.accept, travel: NETWORK.continent, background: true },
      // A flush is shared by what waited for it: about 50 rows at this load.
      {
        station: to.replace("ledger", "d1"),
        work: (WORK.flush * rows) / 50 + WORK.row * rows,
        travel: NETWORK.near,
        background: true,
      },
    ];
  };
  const at = (station: string, travel: number = NETWORK.near, work: number = WORK.commit): Visit => ({
    station,
    work,
    travel,
  });
  const later = (station: string, work: number = WORK.commit): Visit => ({
    station,
    work,
    travel: NETWORK.near,
    background: true,
  });

  return [
    {
      name: "acquire + release",
      rate: TARGET.pairs * times,
      visits: (random) => {
        const key = resource(random);
        const contended = random() < SHARE_CONTENDED ? [later(coordinator(random), WORK.report)] : [];
        return [at(key), at(key), ...contended, ...shipped(random, 2)];
      },
    },
    { name: "heartbeat", rate: TARGET.beats * times, visits: (random) => [at(resource(random))] },
    {
      name: "task",
      rate: TARGET.tasks * times,
      visits: (random) => {
        const task = `task:${random()}`;
        const key = resource(random);
        const [worker, reviewer] = [agent(random), inbox(random)];
        return [
          ...Array.from({ length: 7 }, () => at(task)),
          at(worker),
          at(key),
          at(key),
          later(worker),
          later(reviewer),
          later(reviewer),
          later(dispatch(random)),
          later(dispatch(random)),
          // Three shipments of the task, one each of its agent and its resource.
          ...[4, 4, 4, 2, 2].flatMap((rows) => shipped(random, rows)),
        ];
      },
    },
  ];
}
