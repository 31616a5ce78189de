import { setTimeout as pause } from "node:timers/promises";
import { beforeAll, describe, expect, test } from "vitest";
import { SHIP_SWEEP_MS } from "../../src/actor/shipping.ts";
import type { Lease, Lock } from "../../src/locks/contract.ts";
import type { Task } from "../../src/tasks/task-contract.ts";
import { crash, crashWhileStarting } from "../support/crash.ts";
import { approvedTask, type Cast, castOf, written } from "../support/main-job.ts";
import { Random } from "../support/random.ts";
import { verdictOnTrail, wholeTrail } from "../support/served-trail.ts";
import { type Server, startServer, temporaryFolder, until } from "../support/server.ts";
import { Traffic } from "../support/traffic.ts";
import type { Session } from "../support/wire.ts";

interface Claimed {
  readonly task: Task;
  readonly leases: readonly Lease[];
}
interface ResourceNow {
  readonly revision: number;
  readonly attributes: unknown;
  readonly lock?: Lock;
}
interface Failed {
  readonly error: { readonly code: string; readonly details?: Readonly<Record<string, unknown>> };
}

/** What D1 knows of a task: this read wakes no actor. */
async function listed(reader: Session, id: string): Promise<Task | undefined> {
  const { tasks } = await reader.get<{ tasks: Task[] }>("/tasks?limit=100");
  return tasks.find((task) => task.id === id);
}

function resource(reader: Session, key: string): Promise<ResourceNow> {
  const [type, id] = key.split(":prod/");
  return reader.get<ResourceNow>(`/resources/${type}/${id}?namespace=prod`);
}

/** Starts to apply an approved task, or to queue for its locks. */
async function applied(agent: Session, task: Task, status = 200): Promise<readonly Lease[]> {
  return (await agent.post<{ leases?: Lease[] }>(`/tasks/${task.id}/apply`, status)).leases ?? [];
}

function tokenOf(leases: readonly Lease[], key: string): number {
  return leases.find((lease) => lease.resource_id === key)?.fencing_token ?? 0;
}

async function expectSoundTrail(auditor: Session): Promise<void> {
  const { bad, checked } = await verdictOnTrail(auditor);
  expect(bad).toEqual([]);
  expect(checked).toBeGreaterThan(0);
}

/**
 * A server whose agent begins four changes and is never heard of again, because everything is killed. It stays down while
 * the other tests run, until its leases (30 s) have ended in the outage.
 */
interface Forsaken {
  readonly server: Server;
  readonly cast: Cast;
  readonly retried: Claimed;
  readonly last: Task;
  readonly waiting: Task;
  readonly claimId: string;
  readonly leasesEnd: number;
}
let forsaken: Forsaken;

beforeAll(async () => {
  const server = await startServer();
  const cast = await castOf(server.url);
  const { agent, heir } = cast;
  const drafted = await approvedTask(cast, [written("database", "orders"), written("service", "checkout")]);
  const retried = await agent.post<Claimed>("/tasks/claim", 200, { wait_seconds: 5 });
  expect(retried.task.id).toBe(drafted.id);

  const last = await approvedTask(cast, [written("configuration", "sessions")], { max_attempts: 1 });
  const waiting = await approvedTask(cast, [written("storage", "backups")]);
  const wanted = { resource_type: "resource", resource_id: "storage:prod/backups" };
  await heir.post<Lock>("/locks/acquire", 201, { ...wanted, ttl_seconds: 20 });
  await applied(agent, waiting, 202);
  const claim = await heir.post<Lock>("/locks/acquire", 202, {
    resource_type: "resource",
    resource_id: "database:prod/orders",
    max_wait_seconds: 300,
  });
  const leases = await applied(agent, last);
  const leasesEnd = Math.max(...leases.map(({ expires_at }) => Date.parse(expires_at)));
  await crash(server);
  forsaken = { server, cast, retried, last, waiting, claimId: claim.id, leasesEnd };
});

/** Clients at work, and a server that dies under them: its trail is looked at last, when everything had time to arrive. */
let busy: { readonly server: Server; readonly cast: Cast; readonly traffic: Traffic; readonly lastCrash: number };

test("kill -9 at random instants, twice in a row and during a start: whatever clients were told before holds after", async () => {
  const seed = Number(process.env.SEED ?? Math.trunc(Math.random() * 2 ** 31));
  console.log(`crash traffic: SEED=${seed}`);
  const random = new Random(seed);
  const moment = (most: number) => pause(random.between(0, most));
  /** However fast the machine is: so much happens before the next crash. */
  const acknowledgements = (most: number) => {
    const enough = traffic.acknowledged.size + random.between(10, most);
    return until(() => traffic.acknowledged.size >= enough);
  };
  let server = await startServer();
  const cast = await castOf(server.url);
  const traffic = new Traffic(cast, random);
  let lastCrash = 0;

  const crashes = async () => {
    await acknowledgements(100);
    await crash(server);
    server = await server.restart();
    await moment(200);
    await crash(server);
    const { port } = new URL(server.url);
    await crashWhileStarting({ STATE_DIR: server.stateDir, PORT: port }, random.between(0, 600));
    server = await server.restart();
    await acknowledgements(100);
    lastCrash = Date.now();
    await crash(server);
    server = await server.restart();
    await acknowledgements(40);
  };
  await Promise.all([traffic.run(), crashes().finally(() => traffic.stop())]);
  busy = { server, cast, traffic, lastCrash };
  expect(traffic.lost).toBeGreaterThan(0);
  expect(traffic.acknowledged.size).toBeGreaterThan(50);
});

describe("kill -9 while a change is applied, and the agent comes back", () => {
  let server: Server;
  let cast: Cast;
  let before: Claimed;
  let overdue: Task;
  let queued: Lock;
  const keys = ["database:prod/orders", "service:prod/checkout"];

  beforeAll(async () => {
    const first = await startServer();
    cast = await castOf(first.url);
    await approvedTask(cast, [written("database", "orders"), written("service", "checkout")]);
    before = await cast.agent.post<Claimed>("/tasks/claim", 200, { wait_seconds: 5 });
    await cast.agent.post(`/tasks/${before.task.id}/heartbeat`, 200, { progress: 25 });
    queued = await cast.heir.post<Lock>("/locks/acquire", 202, { resource_type: "resource", resource_id: keys[0] });
    overdue = await approvedTask(cast, [written("configuration", "sessions")], { timeout_seconds: 1 });
    await applied(cast.heir, overdue);
    await crash(first);
    server = await first.restart();
  });

  test("the same leases go on, and the change completes as if nothing had been", async () => {
    const { agent, author } = cast;
    const path = `/tasks/${before.task.id}`;
    const { leases } = await agent.post<Claimed>(`${path}/heartbeat`, 200, { progress: 50 });
    expect(leases.map(({ lock_id }) => lock_id)).toEqual(before.leases.map(({ lock_id }) => lock_id));
    for (const [at, { expires_at }] of leases.entries()) {
      expect(Date.parse(expires_at)).toBeGreaterThan(Date.parse(before.leases[at]?.expires_at ?? ""));
    }
    expect(await author.get<Task>(path)).toMatchObject({ state: "APPLYING", execution: { attempt: 1 } });
    expect(await cast.heir.get<Lock>(`/locks/${queued.id}`)).toMatchObject({ status: "queued", queue_position: 1 });

    const done = await agent.post<Task>(`${path}/complete`, 200, { result: "success", output: { rows: 7 } });
    expect(done).toMatchObject({ state: "COMPLETED", execution: { attempt: 1, result: "success" } });
    for (const key of keys) {
      expect(await resource(author, key)).toMatchObject({ revision: 1, attributes: { changed: true } });
    }
  });

  test("who queued through the crash is next, under a higher fencing token, and then every lock is free", async () => {
    const { heir, author } = cast;
    const granted = await heir.get<Lock>(`/locks/${queued.id}`);
    expect(granted).toMatchObject({ id: queued.id, status: "held" });
    expect(granted.fencing_token).toBeGreaterThan(tokenOf(before.leases, keys[0] ?? ""));
    await heir.post("/locks/release", 204, { lock_id: granted.id });
    for (const key of keys) expect(await resource(author, key)).not.toHaveProperty("lock");
    for (const lease of before.leases) {
      const gone = await cast.agent.call<Failed>("GET", `/locks/${lease.lock_id}`);
      expect([gone.status, gone.body.error.details]).toEqual([404, { ended_reason: "released" }]);
    }
  });

  test("a change whose time ran out in the outage ends by itself, long before its leases would", async () => {
    const { author, heir } = cast;
    await until(async () => (await listed(author, overdue.id))?.state === "COMPLETED");
    expect((await listed(author, overdue.id))?.execution?.result).toBe("timeout");
    const wanted = { resource_type: "resource", resource_id: "configuration:prod/sessions", max_wait_seconds: 0 };
    const lock = await heir.post<Lock>("/locks/acquire", 201, wanted);
    await heir.post("/locks/release", 204, { lock_id: lock.id });
    expect(await resource(author, "configuration:prod/sessions")).toMatchObject({ revision: 0, attributes: {} });
  });

  test("every chain of the trail verifies across the crash", async () => {
    await expectSoundTrail(cast.root);
    await server.end();
  });
});

test("a first start that is killed at any instant, three times over, leaves a state directory that starts", async () => {
  const STATE_DIR = temporaryFolder();
  for (const after of [0, 150, 400]) await crashWhileStarting({ STATE_DIR }, after);
  const server = await startServer({ STATE_DIR });
  const cast = await castOf(server.url);
  await approvedTask(cast, [written("configuration", "sessions")]);
  await cast.agent.post<Claimed>("/tasks/claim", 200, { wait_seconds: 5 });
  await expectSoundTrail(cast.root);
  await server.end();
});

describe("kill -9 while changes are applied, and the leases end in the outage", () => {
  let server: Server;

  beforeAll(async () => {
    await until(() => Date.now() > forsaken.leasesEnd);
    server = await forsaken.server.restart();
  });

  test("with attempts left a change is APPROVED again by itself, with the time of its retry", async () => {
    const { cast, retried } = forsaken;
    await until(async () => (await listed(cast.author, retried.task.id))?.retry_at !== undefined);
    const task = await listed(cast.author, retried.task.id);
    expect(task?.state).toBe("APPROVED");
    expect(task?.execution).toMatchObject({ attempt: 1 });
    expect(Date.parse(task?.retry_at ?? "")).toBeGreaterThan(forsaken.leasesEnd);
  });

  test("without attempts left it is COMPLETED as a failure by itself", async () => {
    const { cast, last } = forsaken;
    await until(async () => (await listed(cast.author, last.id))?.state === "COMPLETED");
    expect((await listed(cast.author, last.id))?.execution).toMatchObject({ attempt: 1, result: "failure" });
  });

  test("an apply that queued gets its locks by itself, when the lease before it is over", async () => {
    const { cast, waiting } = forsaken;
    await until(async () => (await listed(cast.author, waiting.id))?.state === "APPLYING");
    const done = await cast.agent.post<Task>(`/tasks/${waiting.id}/complete`, 200, { result: "success" });
    expect(done.execution).toMatchObject({ attempt: 1, result: "success" });
    expect(await resource(cast.author, "storage:prod/backups")).toMatchObject({ revision: 1 });
  });

  test("a claim that queued is granted by itself", async () => {
    const { cast, claimId } = forsaken;
    const query = "/audit?action=lock.acquired&subject_id=database:prod/orders";
    type Rows = { entries: { details: { lock_id: string } }[] };
    await until(async () => (await cast.root.get<Rows>(query)).entries.some((row) => row.details.lock_id === claimId));
    expect(await cast.heir.get<Lock>(`/locks/${claimId}`)).toMatchObject({ status: "held", fencing_token: 2 });
    await cast.heir.post("/locks/release", 204, { lock_id: claimId });
  });

  test("another agent claims the retry and completes it, under higher fencing tokens", async () => {
    const { cast, retried } = forsaken;
    const path = `/tasks/${retried.task.id}`;
    const again = await cast.heir.post<Claimed>("/tasks/claim", 200, { wait_seconds: 10 });
    expect(again.task).toMatchObject({ id: retried.task.id, state: "APPLYING", execution: { attempt: 2 } });
    for (const key of ["database:prod/orders", "service:prod/checkout"]) {
      expect(tokenOf(again.leases, key)).toBeGreaterThan(tokenOf(retried.leases, key));
    }
    for (const late of [`${path}/heartbeat`, `${path}/complete`]) {
      const { status, body } = await cast.agent.call<Failed>("POST", late, {
        ...(late.endsWith("complete") && { result: "success" }),
      });
      expect([status, body.error.code]).toEqual([409, "TASK_LEASE_LOST"]);
    }
    const done = await cast.heir.post<Task>(`${path}/complete`, 200, { result: "success" });
    expect(done.execution).toMatchObject({ attempt: 2, result: "success" });
  });

  test("in the end every lock is free, each resource moved on once, and the trail tells it all", async () => {
    const { root, author } = forsaken.cast;
    for (const key of ["database:prod/orders", "service:prod/checkout", "storage:prod/backups"]) {
      const { revision, lock } = await resource(author, key);
      expect([key, revision, lock]).toEqual([key, 1, undefined]);
    }
    expect(await resource(author, "configuration:prod/sessions")).not.toHaveProperty("lock");
    const edges = async () =>
      (await wholeTrail(root)).filter(
        ({ subject_id, to_state }) => subject_id === forsaken.retried.task.id && to_state !== undefined,
      );
    await until(async () => (await edges()).at(-1)?.to_state === "COMPLETED");
    expect((await edges()).map(({ to_state }) => to_state).slice(-5)).toEqual([
      "APPROVED",
      "APPLYING",
      "APPROVED",
      "APPLYING",
      "COMPLETED",
    ]);
    await expectSoundTrail(root);
    await server.end();
  });
});

test("what was acknowledged under traffic stands in the trail, once each, as soon as actors have swept what they had not shipped", async () => {
  const { server, cast, traffic, lastCrash } = busy;
  const latest = lastCrash + SHIP_SWEEP_MS + 5_000;
  let missing: string[];
  do missing = traffic.acknowledged.missingFrom(await wholeTrail(cast.root));
  while (missing.length > 0 && Date.now() < latest);
  expect(missing).toEqual([]);
  expect(traffic.completed.size).toBe(2);
  for (const [key, revision] of traffic.completed) {
    const now = await resource(cast.root, key);
    expect([key, now.revision, now.lock]).toEqual([key, revision, undefined]);
  }
  await expectSoundTrail(cast.root);
  await server.end();
});
