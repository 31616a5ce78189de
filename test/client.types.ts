/** What the client's types let through and what they do not: compiled by `npm run types`, never run. */
import type { Countersign, HeldLock, LockKey, Route, Schema } from "../src/client/index.ts";
import type { OPERATIONS } from "../src/client/operations.ts";
import type { Named } from "../src/client/routes.ts";
import type { Task as ServedTask } from "../src/tasks/task-contract.ts";

declare const client: Countersign;

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
const holds = <_ extends true>() => undefined;

export async function routes(): Promise<void> {
  const task = await client.tasks.get("id");
  holds<Same<typeof task, Schema<"Task">>>();
  holds<Same<Schema<"Task">["state"], ServedTask["state"]>>();
  holds<Same<Awaited<ReturnType<typeof client.tasks.delete>>, undefined>>();
  const claimed = await client.tasks.claim({ wait_seconds: 1 });
  // @ts-expect-error there may be nothing to claim
  claimed.task;
  const applied = await client.tasks.apply("id");
  if ("leases" in applied) applied.leases[0]?.fencing_token.toFixed();
  else applied.queue[0]?.queue_position.toFixed();

  // @ts-expect-error an id is needed
  await client.tasks.get();
  // @ts-expect-error the body is needed
  await client.tasks.create();
  // @ts-expect-error a draft has a config
  await client.tasks.create({ metadata: { author_id: "a", author_name: "A" } });
  // @ts-expect-error no such action
  await client.approvals.respond("id", { action: "maybe" });
  // @ts-expect-error no such filter
  await client.tasks.list({ colour: "red" });
  // @ts-expect-error no such type of resource
  await client.resources.get("spaceship", "id");
  await client.resources.put("service", "id", { criticality: 1 }, { query: { namespace: "prod" } });
}

export async function requests(): Promise<void> {
  const stats = await client.request("GET /stats");
  stats.tasks.failure_rate.toFixed();
  await client.request("POST /tasks/{id}/submit", { path: { id: "id" }, body: { force: true } });
  await client.request("POST /tasks/{id}/submit", { path: { id: "id" } });
  // @ts-expect-error the path has a placeholder
  await client.request("GET /tasks/{id}");
  // @ts-expect-error no such route
  await client.request("GET /spaceships");
  // @ts-expect-error no such method of this route
  await client.request("PUT /tasks/{id}", { path: { id: "id" } });
}

export async function helpers(): Promise<void> {
  const width = await client.withLock("service:a", { ttl_seconds: 30 }, async (lock: HeldLock) => lock.fencing_token);
  width.toFixed();
  const key: LockKey = { resource_type: "agent", resource_id: "deployer" };
  await client.withLocks(
    [key, "service:a", { resource_id: "service:b", resource_type: "resource", mode: "shared" }],
    {},
    async (locks) => locks.fencingToken("service:a").toFixed(),
  );
  // @ts-expect-error what is done under a lock is awaited
  await client.withLock(key, {}, () => 1);
  const verdict = await client.waitForApproval("id");
  if (verdict.status === "approved") verdict.approved_by.join();
  else if (verdict.status === "rejected") verdict.reason?.trim();
  // @ts-expect-error who cancelled is not told
  else if (verdict.status === "cancelled") verdict.by;
  const consent = await client.requireApproval({ tool: "shell", args: { command: "ls" } });
  consent.call_hash.trim();
  for await (const item of client.events(["locks"], { since: 0 })) {
    // @ts-expect-error a reset has no seq of its own
    item.seq;
    if ("seq" in item) item.prev.toFixed();
  }
  client.worker({ handle: async () => ({ output: 1 }) });
  client.worker({ handle: async () => undefined, rollback: async (_, stash) => void stash });
  // @ts-expect-error an outcome has output and resources, nothing else
  client.worker({ handle: async () => ({ result: "success" }) });
}

/** A table that names a route names one that exists, with the argument that it takes. */
export const tables: readonly Named[] = [
  ["GET /tasks", "query"],
  // @ts-expect-error it takes a body
  ["POST /tasks"],
  // @ts-expect-error no such route
  ["GET /spaceships"],
];

type NamedRoute = {
  [Group in keyof typeof OPERATIONS]: (typeof OPERATIONS)[Group][keyof (typeof OPERATIONS)[Group]] extends infer Entry
    ? Entry extends readonly [infer R, ...string[]]
      ? R
      : never
    : never;
}[keyof typeof OPERATIONS];
/** `client.events` opens it. */
type Opened = "GET /ws";
holds<Same<Exclude<Route, NamedRoute>, Opened>>();
