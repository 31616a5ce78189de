/** Loads on a server of ours, for profiles and for CPU time an operation. */
import { performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import type { Connection } from "./connection.ts";
import { BASE, type Countersign } from "./contestants/countersign.ts";
import { closedLoop, type Measured } from "./load.ts";
import { fullTask } from "./measures/task-life.ts";

type Load = (server: Countersign, seconds: number) => Promise<Measured>;

const LOADS: Readonly<Record<string, Load>> = {
  heartbeat: async (server, seconds) => {
    const agent = server.as(server.tokens.agent);
    const body = { resource_type: "resource", resource_id: "database:bench/profile", ttl_seconds: 300 };
    const { id } = await agent.expect<{ id: string }>(201, "POST", `${BASE}/locks/acquire`, body);
    const beat = { lock_id: id, ttl_extension_seconds: 300 };
    return closedLoop(1, seconds, () => agent.expect(200, "POST", `${BASE}/locks/heartbeat`, beat));
  },
  wakes: async (server) => {
    const agent = server.as(server.tokens.agent);
    const ids = sleepers.get(server) ?? (await heldBy(agent));
    sleepers.set(server, ids);
    await sleep(ASLEEP_MS);
    return eachOnce(ids, (id) =>
      agent.expect(200, "POST", `${BASE}/locks/heartbeat`, { lock_id: id, ttl_extension_seconds: 300 }),
    );
  },
  pair: async (server, seconds) => {
    const client = await server.client(0);
    return closedLoop(1, seconds, () => client.pair("database:bench/profile"));
  },
  pairs: async (server, seconds) => {
    const clients = await Promise.all(Array.from({ length: 64 }, (_, n) => server.client(n)));
    return closedLoop(clients.length, seconds, async (n) => clients[n]?.pair(`database:bench/profile-${n}`));
  },
  tasks: async (server, seconds) => {
    const { author, reviewer, agent } = server.tokens;
    const people = Array.from({ length: 8 }, () => ({
      author: server.as(author),
      reviewer: server.as(reviewer),
      agent: server.as(agent),
    }));
    return closedLoop(people.length, seconds, async (driver) => {
      const who = people[driver];
      if (who !== undefined) await fullTask(who, `of-${driver}`);
    });
  },
};

/** workerd keeps an object that nobody calls for 10 s. */
const ASLEEP_MS = 11_000;
const SLEEPERS = 500;
/** Leases whose objects are asleep whenever a load begins. */
const sleepers = new WeakMap<Countersign, readonly string[]>();

async function heldBy(agent: Connection): Promise<readonly string[]> {
  const ids: string[] = [];
  for (let n = 0; n < SLEEPERS; n += 1) {
    const body = { resource_type: "resource", resource_id: `database:bench/asleep-${n}`, ttl_seconds: 300 };
    ids.push((await agent.expect<{ id: string }>(201, "POST", `${BASE}/locks/acquire`, body)).id);
  }
  return ids;
}

async function eachOnce<T>(items: readonly T[], operation: (item: T) => Promise<unknown>): Promise<Measured> {
  const latencies: number[] = [];
  const began = performance.now();
  for (const item of items) {
    const start = performance.now();
    await operation(item);
    latencies.push(performance.now() - start);
  }
  return { latencies, perSecond: (latencies.length * 1_000) / (performance.now() - began) };
}

/** The load of this name; says which there are, and exits, if there is none. */
export function loadNamed(name: string): Load {
  const load = LOADS[name];
  if (load !== undefined) return load;
  console.error(`no such load: ${name}; there are ${Object.keys(LOADS).join(", ")}`);
  process.exit(2);
}
