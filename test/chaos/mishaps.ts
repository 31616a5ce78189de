/** Lets things go wrong inside a worker: actors die or are evicted, messages are lost or doubled, alarms and clocks are off, D1 fails. */

import { DurableObject } from "cloudflare:workers";
import { AsyncLocalStorage } from "node:async_hooks";
import unsafe from "workerd:unsafe";
import { Actor } from "../../src/actor/actor.ts";
import type { ActorKey } from "../../src/actor/remote.ts";
import { LedgerActor } from "../../src/audit/actor.ts";
import { type Faults, type Mishaps, NO_FAULTS } from "./faults.ts";

let faults = NO_FAULTS;
const counts: Record<string, number> = {};

/** From now on; answers what went wrong so far. */
export function beset(by: Faults): Mishaps {
  faults = by;
  return counts;
}

function strikes(probability: number, kind: string): boolean {
  if (Math.random() >= probability) return false;
  counts[kind] = (counts[kind] ?? 0) + 1;
  return true;
}

const coin = () => Math.random() < 0.5;
const aWhile = (most: number) => scheduler.wait(Math.random() * most);
const LATE_MS = 1_500;

interface Inside {
  readonly ctx: DurableObjectState;
  readonly key: ActorKey;
}
type Method = (this: Inside, ...given: unknown[]) => unknown;

/** Puts a method in the place of one that only its own class may call. */
function around(prototype: object, name: string, wrap: (own: Method) => Method): void {
  const methods = prototype as Record<string, Method>;
  const own = methods[name];
  if (own === undefined) throw new Error(`there is no ${name}`);
  methods[name] = wrap(own);
}

function die(ctx: DurableObjectState): void {
  const abort = () => ctx.abort("chaos");
  if (coin()) abort();
  else void ctx.storage.sync().then(abort, () => {});
}

around(Actor.prototype, "commit", (commit) => {
  return function (...given) {
    const value = commit.apply(this, given);
    if (strikes(faults.death, "deaths")) die(this.ctx);
    else if (Math.random() < faults.eviction) condemned.set(this.key, this.ctx.getWebSockets().length > 0);
    return value;
  };
});

/** Who is to be evicted, and whether over open sockets. */
const condemned = new Map<ActorKey, boolean>();

/** Evicts whoever is to be, once idle: memory is lost, hibernating sockets are not. An actor cannot do so to itself. */
export async function evict(stubOf: (key: ActorKey) => DurableObjectStub): Promise<void> {
  const now = [...condemned];
  condemned.clear();
  await Promise.all(
    now.map(async ([key, hasSockets]) => {
      try {
        await unsafe.evict(stubOf(key), { webSockets: "hibernate" });
        strikes(1, hasSockets ? "evictions over sockets" : "evictions");
      } catch {
        // It died meanwhile, or did not come to rest.
        strikes(1, "evictions that came to nothing");
      }
    }),
  );
}

around(Actor.prototype, "deliver", (deliver) => {
  return async function (...given) {
    if (!strikes(faults.delivery, "deliveries")) return deliver.apply(this, given);
    const fate = Math.floor(Math.random() * 4);
    if (fate === 0) throw new Error("lost on its way");
    if (fate === 1) await aWhile(LATE_MS);
    const receipt = await deliver.apply(this, given);
    if (fate === 2) throw new Error("the answer was lost");
    return fate === 3 ? deliver.apply(this, given) : receipt;
  };
});

around(Actor.prototype, "alarm", (alarm) => {
  return async function (...given) {
    if (!strikes(faults.alarm, "alarms")) return alarm.apply(this, given);
    const fate = Math.floor(Math.random() * 3);
    if (fate === 0) await aWhile(LATE_MS);
    const rung = await alarm.apply(this, given);
    if (fate === 2) throw new Error("died when all was done");
    return fate === 1 ? alarm.apply(this, given) : rung;
  };
});

around(LedgerActor.prototype, "accept", (accept) => {
  return async function (...given) {
    const receipt = await accept.apply(this, given);
    if (strikes(faults.shipment, "shipments")) throw new Error("the acknowledgement was lost");
    return receipt;
  };
});

/** A database under which whoever uses it dies: before it has what was sent, or before the sender knows. */
export function deadlyDatabase(ctx: DurableObjectState, database: D1Database): D1Database {
  const perhaps = () => strikes(faults.flush, "flushes") && ctx.abort("chaos");
  const prepare: D1Database["prepare"] = (query) => database.prepare(query);
  const batch: D1Database["batch"] = async <Row>(statements: D1PreparedStatement[]) => {
    perhaps();
    const results = await database.batch<Row>(statements);
    perhaps();
    return results;
  };
  // All that the ledger uses of one.
  return { prepare, batch } as D1Database;
}

/** Once there is a database to take hold of: all of them are of one class. */
export function disturbDatabase(database: D1Database): void {
  if (disturbed) return;
  disturbed = true;
  around(Object.getPrototypeOf(database), "batch", (batch) => {
    return async function (...given) {
      await trouble();
      return batch.apply(this, given);
    };
  });
  for (const name of ["first", "all", "run", "raw"]) {
    around(Object.getPrototypeOf(database.prepare("SELECT 1")), name, (read) => {
      return async function (...given) {
        await trouble();
        return read.apply(this, given);
      };
    });
  }
}
let disturbed = false;

async function trouble(): Promise<void> {
  if (faults.database === "slow") await aWhile(LATE_MS);
  if (faults.database === "down" && strikes(1, "failed queries")) throw new Error("D1_ERROR: the database is down");
}

/** How far the clock of the life that runs is from that of the machine (ms). */
const clock = new AsyncLocalStorage<number>();
const { now } = Date;
Date.now = () => now() + faults.skew_ms + (clock.getStore() ?? 0);

/** The class whose every instance goes by a clock of its own, from its constructor on. */
export function withOwnClocks<Class extends abstract new (...given: never[]) => object>(Class: Class): Class {
  const skewOf = new WeakMap<object, number>();
  for (const name of methodsOf(Class.prototype)) {
    around(Class.prototype, name, (own) => {
      return function (...given) {
        return clock.run(skewOf.get(this) ?? clock.getStore() ?? 0, () => own.apply(this, given));
      };
    });
  }
  return new Proxy(Class, {
    construct: (_, given, newTarget) => {
      const own = Math.round((2 * Math.random() - 1) * faults.life_skew_ms);
      if (own !== 0) strikes(1, "lives with clocks of their own");
      const made: object = clock.run(own, () => Reflect.construct(Class, given, newTarget));
      skewOf.set(made, own);
      return made;
    },
  });
}

/** All that an object of this prototype can do, but for what every object can. */
function methodsOf(prototype: object): Set<string> {
  const names = new Set<string>();
  for (let at = prototype; at !== DurableObject.prototype; at = Object.getPrototypeOf(at)) {
    for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(at))) {
      if (typeof value === "function" && name !== "constructor") names.add(name);
    }
  }
  return names;
}

around(Actor.prototype, "alarm", (alarm) => {
  return function (given) {
    const rung = given as AlarmInvocationInfo;
    return alarm.call(this, { ...rung, scheduledTime: rung.scheduledTime + faults.skew_ms });
  };
});

/**
 * Alarms are set by the machine's clock, which may be wrong: what it says when it is set is what it says when it rings, unless it
 * steps. The clock of one life may say something else.
 */
export function skewAlarms(storage: DurableObjectStorage): void {
  if (skewed) return;
  skewed = true;
  const prototype = Object.getPrototypeOf(storage);
  around(prototype, "setAlarm", (setAlarm) => {
    return function (at, ...rest) {
      return setAlarm.call(this, Number(at) - faults.skew_ms, ...rest);
    };
  });
  around(prototype, "getAlarm", (getAlarm) => {
    return async function (...given) {
      const at = (await getAlarm.apply(this, given)) as number | null;
      return at === null ? null : at + faults.skew_ms;
    };
  });
}
let skewed = false;
