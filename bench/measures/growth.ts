/**
 * Whether anything slows down as history grows: tasks, held locks and audit rows are seeded straight into D1's file, copied
 * from real ones (through HTTP a million would take hours), and the server is asked the same questions at each size.
 */
import { DatabaseSync } from "node:sqlite";
import { BASE, type Countersign, startCountersign } from "../contestants/countersign.ts";
import { d1File } from "../d1-file.ts";
import { median } from "../statistics.ts";
import type { Measure } from "./measure.ts";
import { fullTask, type People, submitted } from "./task-life.ts";

const SIZES = [1_000, 10_000, 100_000, 1_000_000];
const SAMPLES = 60;

/** ms, medians */
export interface GrowthPoint {
  readonly size: number;
  readonly acquire: number;
  readonly heartbeat: number;
  readonly respond: number;
  readonly claim: number;
  readonly list_tasks: number;
  readonly list_audit: number;
  /** tasks of a type that there are none of */
  readonly filter_tasks: number;
  readonly list_locks: number;
}

export const growth: Measure = async () => {
  let server = await startCountersign();
  const points: GrowthPoint[] = [];
  try {
    const people = peopleOf(server);
    for (let n = 0; n < 20; n += 1) await fullTask(people, `seed-${n % 4}`);
    // The model of all locks: one that was released has no row.
    const held = { resource_type: "resource", resource_id: "database:bench/held", ttl_seconds: 300 };
    await people.agent.expect(201, "POST", `${BASE}/locks/acquire`, held);
    await settled(server);
    for (const size of SIZES) {
      await server.end();
      seed(server.stateDir, size);
      server = await startCountersign(server);
      points.push({ size, ...(await asked(server)) });
      await settled(server);
    }
  } finally {
    await server.stop();
  }
  const [first, last] = [points[0], points.at(-1)];
  if (first === undefined || last === undefined) throw new Error("no sizes");
  const live = ["acquire", "heartbeat", "respond", "claim"] as const;
  const lists = ["list_tasks", "list_audit", "filter_tasks", "list_locks"] as const;
  const row = (name: (typeof live)[number] | (typeof lists)[number]) => ({
    measure: `${name.replace("_", " ")} with 1,000,000 tasks, locks and audit rows in D1 against 1,000`,
    target: live.some((one) => one === name) ? "does not slow down (≤ 1.25×)" : "",
    result: `${(last[name] / first[name]).toFixed(2)}×; ${points.map((point) => point[name].toFixed(2)).join(", ")} ms`,
    ...(live.some((one) => one === name) && { met: last[name] / first[name] <= 1.25 }),
  });
  return { rows: [...live, ...lists].map(row), data: points };
};

function peopleOf(server: Countersign): People {
  const { author, reviewer, agent } = server.tokens;
  return { author: server.as(author), reviewer: server.as(reviewer), agent: server.as(agent) };
}

async function asked(server: Countersign): Promise<Omit<GrowthPoint, "size">> {
  const { author, reviewer, agent } = peopleOf(server);
  const root = server.as(server.tokens.root);
  const times: Record<keyof Omit<GrowthPoint, "size">, number[]> = {
    acquire: [],
    heartbeat: [],
    respond: [],
    claim: [],
    list_tasks: [],
    list_audit: [],
    filter_tasks: [],
    list_locks: [],
  };
  const timed = async <T>(name: keyof typeof times, work: Promise<T>): Promise<T> => {
    const began = performance.now();
    const value = await work;
    times[name].push(performance.now() - began);
    return value;
  };
  const key = { resource_type: "resource", resource_id: "database:bench/growth" };
  for (let n = 0; n < SAMPLES; n += 1) {
    const { id } = await timed("acquire", agent.expect<{ id: string }>(201, "POST", `${BASE}/locks/acquire`, key));
    await timed("heartbeat", agent.expect(200, "POST", `${BASE}/locks/heartbeat`, { lock_id: id }));
    await agent.expect(204, "POST", `${BASE}/locks/release`, { lock_id: id });
    const { request } = await submitted(author, `growth-${n % 4}`);
    await timed("respond", reviewer.expect(200, "POST", `${BASE}/approvals/${request}/respond`, { action: "approve" }));
    const { task } = await timed(
      "claim",
      agent.expect<{ task: { id: string } }>(200, "POST", `${BASE}/tasks/claim`, { wait_seconds: 5 }),
    );
    await agent.expect(200, "POST", `${BASE}/tasks/${task.id}/complete`, { result: "success" });
    await timed("list_tasks", author.expect(200, "GET", `${BASE}/tasks?state=COMPLETED&limit=20`));
    await timed("list_audit", author.expect(200, "GET", `${BASE}/audit?action=task.completed&limit=20`));
    await timed("list_locks", root.expect(200, "GET", `${BASE}/locks?limit=20`));
    await timed("filter_tasks", author.expect(200, "GET", `${BASE}/tasks?type=none.such&limit=20`));
  }
  for (const connection of [author, reviewer, agent, root]) connection.close();
  const middle = (name: keyof typeof times) => median(times[name]);
  return {
    acquire: middle("acquire"),
    heartbeat: middle("heartbeat"),
    respond: middle("respond"),
    claim: middle("claim"),
    list_tasks: middle("list_tasks"),
    list_audit: middle("list_audit"),
    filter_tasks: middle("filter_tasks"),
    list_locks: middle("list_locks"),
  };
}

/** Until D1 has everything: the file is about to be written by hand. */
async function settled(server: Countersign): Promise<void> {
  const root = server.as(server.tokens.root);
  let quiet = 0;
  while (quiet < 5) {
    const { audit } = await root.expect<{ audit: { unshipped?: number } }>(200, "GET", `${BASE}/stats`);
    quiet = (audit.unshipped ?? 0) === 0 ? quiet + 1 : 0;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  root.close();
}

/** Copies rows of D1 until each table has `size`; ids and keys of the copies are made up, everything else is real. */
function seed(stateDir: string, size: number): void {
  const database = new DatabaseSync(d1File(stateDir));
  const tables: Readonly<Record<string, Readonly<Record<string, string>>>> = {
    tasks: { id: "printf('%08x-0000-8000-8000-%012x', n, n)" },
    executions: { task_id: "printf('%08x-0000-8000-8000-%012x', n, n)" },
    audit_log: { id: "NULL", actor: "printf('task:seeded-%d', n)" },
    locks: { id: "printf('%08x-0000-8000-9000-%012x', n, n)" },
    approvals: { id: "printf('%08x-0000-8000-a000-%012x', n, n)" },
  };
  for (const [table, made] of Object.entries(tables)) {
    const { rows } = database.prepare(`SELECT count(*) AS rows FROM ${table}`).get() as { rows: number };
    if (rows === 0) throw new Error(`there is no row of ${table} to copy`);
    const columns = (database.prepare(`PRAGMA table_info(${table})`).all() as { name: string }[]).map(
      ({ name }) => name,
    );
    const values = columns.map((name) => made[name] ?? `model."${name}"`).join(", ");
    database.exec(
      `WITH RECURSIVE numbers(n) AS (SELECT ${rows} + 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ${size})
       INSERT INTO ${table} (${columns.map((name) => `"${name}"`).join(", ")})
       SELECT ${values} FROM numbers, (SELECT * FROM ${table} LIMIT 1) AS model WHERE ${rows} < ${size}`,
    );
  }
  database.exec("PRAGMA wal_checkpoint(TRUNCATE)");
  database.close();
}
