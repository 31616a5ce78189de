/**
 * A deployment as stations that serve visits one at a time, and flows of requests that visit them in order (docs/scaling.md).
 * Durable Objects are single-threaded, so each is a queue with one server; D1 is one writer; the network only delays.
 */
import { quantile } from "../statistics.ts";
import { EventQueue } from "./event-queue.ts";

/** One stop of a request. */
export interface Visit {
  /** Which station: an object's name, made from the request's own draw, so that popular ones are visited more often. */
  readonly station: string;
  /** ms of work there, mean of an exponential distribution */
  readonly work: number;
  /** ms on the network before */
  readonly travel: number;
  /** the answer does not wait for it */
  readonly background?: boolean;
}

export interface Flow {
  readonly name: string;
  /** arrivals a second, Poisson */
  readonly rate: number;
  readonly visits: (random: () => number) => readonly Visit[];
}

export interface StationUse {
  readonly station: string;
  /** share of the time in which it worked, 0–1 */
  readonly busy: number;
  readonly visits: number;
}

export interface Outcome {
  /** busiest first; stations are grouped by what stands before the `:` of their name, each group shown by its busiest */
  readonly stations: readonly StationUse[];
  readonly flows: readonly {
    readonly name: string;
    readonly p50: number;
    readonly p99: number;
    readonly done: number;
  }[];
}

interface Journey {
  readonly flow: string;
  readonly visits: readonly Visit[];
  readonly began: number;
  step: number;
}

type Happens =
  | { readonly kind: "arrives"; readonly flow: Flow }
  | { readonly kind: "reaches"; readonly journey: Journey }
  | { readonly kind: "served"; readonly journey: Journey };

interface Station {
  freeAt: number;
  busy: number;
  visits: number;
}

/** Lets `flows` run for `seconds` of simulated time; `random` in [0, 1) makes it repeatable. */
export function simulate(flows: readonly Flow[], seconds: number, random: () => number): Outcome {
  const queue = new EventQueue<Happens>();
  const stations = new Map<string, Station>();
  const times = new Map<string, number[]>(flows.map(({ name }) => [name, []]));
  const end = seconds * 1_000;
  const exponential = (mean: number) => -mean * Math.log(1 - random());
  for (const flow of flows) if (flow.rate > 0) queue.push(exponential(1_000 / flow.rate), { kind: "arrives", flow });

  const onward = (journey: Journey, at: number) => {
    const next = journey.visits[journey.step];
    const answered = next === undefined || next.background === true;
    const before = journey.visits[journey.step - 1];
    // The answer leaves when the last visit that it waits for is over.
    if (answered && before?.background !== true) times.get(journey.flow)?.push(at - journey.began);
    if (next !== undefined) queue.push(at + next.travel, { kind: "reaches", journey });
  };

  for (let due = queue.pop(); due !== undefined && due.at < end; due = queue.pop()) {
    const { at, event } = due;
    if (event.kind === "arrives") {
      onward({ flow: event.flow.name, visits: event.flow.visits(random), began: at, step: 0 }, at);
      queue.push(at + exponential(1_000 / event.flow.rate), event);
      continue;
    }
    const { journey } = event;
    const visit = journey.visits[journey.step];
    if (visit === undefined) continue;
    if (event.kind === "served") {
      journey.step += 1;
      onward(journey, at);
      continue;
    }
    const station = stations.get(visit.station) ?? { freeAt: 0, busy: 0, visits: 0 };
    const work = exponential(visit.work);
    station.freeAt = Math.max(station.freeAt, at) + work;
    station.busy += work;
    station.visits += 1;
    stations.set(visit.station, station);
    queue.push(station.freeAt, { kind: "served", journey });
  }
  return { stations: busiest(stations, end), flows: [...times].map(([name, all]) => told(name, all)) };
}

function told(name: string, all: readonly number[]) {
  return { name, p50: quantile(all, 0.5), p99: quantile(all, 0.99), done: all.length };
}

function busiest(stations: ReadonlyMap<string, Station>, end: number): StationUse[] {
  const groups = new Map<string, StationUse>();
  for (const [name, { busy, visits }] of stations) {
    const group = name.split(":")[0] ?? name;
    const use = { station: group, busy: busy / end, visits };
    if ((groups.get(group)?.busy ?? -1) < use.busy) groups.set(group, use);
  }
  return [...groups.values()].sort((a, b) => b.busy - a.busy);
}
