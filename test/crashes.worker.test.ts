/** A task whose actors die: after every single commit of its life, and between all of its steps. */
import { abortAllDurableObjects, evictDurableObject } from "cloudflare:test";
import { afterEach, describe, expect, it, vi } from "vitest";
import { actorName, hashedAddress } from "../src/actor/ids.ts";
import type { ActorKey } from "../src/actor/remote.ts";
import type { Lock } from "../src/locks/contract.ts";
import { ResourceActor } from "../src/locks/resource-actor.ts";
import type { Task } from "../src/tasks/task-contract.ts";
import type { Answer } from "./support/api.ts";
import type { Committed } from "./support/commits.ts";
import { type Death, killAt } from "./support/deaths.ts";
import { approve, eventually, ok, type Person, pass, refusal, Stage, stopClock, web } from "./support/stage.ts";

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

interface Cast {
  readonly stage: Stage;
  readonly alice: Person;
  readonly bob: Person;
  readonly robo: Person;
  readonly other: Person;
}

/** One run of a task over two resources of its own. */
interface Run extends Cast {
  readonly id: string;
  readonly keys: readonly [string, string];
  readonly actors: readonly ActorKey[];
}

async function cast(): Promise<Cast> {
  const stage = new Stage();
  return { ...(await stage.cast()), other: await stage.agent("other"), stage };
}

async function approvedRun(people: Cast): Promise<Run> {
  const { stage, alice, bob } = people;
  const name = crypto.randomUUID();
  const ids = [`${name}-a`, `${name}-b`] as const;
  const { id } = await stage.approved(alice, [bob], { resources: ids.map((one) => ({ ...web, id: one })) });
  const keys = [`service:prod/${ids[0]}`, `service:prod/${ids[1]}`] as const;
  return {
    ...people,
    id,
    keys,
    actors: [`task:${id}`, ...keys.map((key) => `resource:${key}` as const), "agent:robo", "dispatch"],
  };
}

/** What a request to an actor that dies gets: any answer or none. A client tries again. */
async function attempted(work: Promise<Answer<unknown>>): Promise<void> {
  await work.catch(() => undefined);
}

/** Lets time pass for everybody: then all alarms ring. */
async function aWhile({ stage, actors }: Run, ms = 1_000): Promise<void> {
  pass(ms);
  for (const actor of actors) await stage.ring(actor).catch(() => false);
}

/** The agent goes on as a client does, whatever it is told, until the task is over; `each` before every try. */
async function workedOff(run: Run, each: () => Promise<void> = async () => {}): Promise<Task> {
  for (let turn = 0; turn < 45; turn += 1) {
    await each();
    const { body: task } = await run.stage.root.get<Task>(`/tasks/${run.id}`).catch(() => ({ body: undefined }));
    if (task?.state === "COMPLETED") return task;
    if (task?.state === "APPROVED") await attempted(run.robo.post(`/tasks/${run.id}/apply`));
    if (task?.state === "APPLYING") await attempted(run.robo.post(`/tasks/${run.id}/complete`, { result: "success" }));
    if (turn > 0) await aWhile(run, 2_000);
  }
  return run.stage.task(run.id);
}

/** It was applied, once; nobody holds anything any more. */
async function expectClean(run: Run): Promise<void> {
  const { stage, keys, id } = run;
  await expectFree(run);
  expect(await stage.task(id)).toMatchObject({ state: "COMPLETED", execution: { result: "success" } });
  for (const key of keys) {
    const name = key.slice("service:prod/".length);
    const { body } = await stage.root.get(`/resources/service/${name}?namespace=prod`);
    expect(body, key).toMatchObject({ attributes: { checkout: "new" }, revision: 1 });
  }
}

/** Everything can be had at once, when effects that a death held up have been sent again. */
async function expectFree(run: Run): Promise<void> {
  for (const resource_id of run.keys) {
    const wanted = { resource_type: "resource", resource_id, wait_for_available: false };
    let tried = await run.other.post<Lock>("/locks/acquire", wanted);
    for (let turn = 0; turn < 3 && tried.status === 423; turn += 1) {
      await aWhile(run, 5_000);
      tried = await run.other.post<Lock>("/locks/acquire", wanted);
    }
    ok(await run.other.post("/locks/release", { lock_id: ok<Lock>(tried, 201).id }), 204);
  }
  const permits = async () =>
    ok<{ presence: { active_tasks: number } }>(await run.stage.root.get("/agents/robo")).presence.active_tasks;
  for (let turn = 0; turn < 3 && (await permits()) > 0; turn += 1) await aWhile(run, 5_000);
  expect(await permits()).toBe(0);
}

describe.each<Death>(["before it is safe", "right after"])("an actor that dies with a commit, %s,", (death) => {
  it("of an apply and its completion: the task is applied once, and no lock stays behind", async () => {
    const people = await cast();
    stopClock();
    for (let n = 1; ; n += 1) {
      const run = await approvedRun(people);
      const killed = killAt(run.stage, n, death);
      await attempted(run.robo.post(`/tasks/${run.id}/apply`));
      await workedOff(run);
      const commits = killed.commits();
      vi.restoreAllMocks();
      await expectClean(run);
      if (commits < n) {
        expect(n).toBeGreaterThan(8);
        break;
      }
    }
    await people.stage.expectVerified();
  });

  it("of an apply that waits, is granted and completes: the same", async () => {
    const people = await cast();
    stopClock();
    for (let n = 1; ; n += 1) {
      const run = await approvedRun(people);
      const wanted = { resource_type: "resource", resource_id: run.keys[1], ttl_seconds: 300 };
      const lease = ok<Lock>(await run.other.post("/locks/acquire", wanted), 201);
      const killed = killAt(run.stage, n, death);
      await attempted(run.robo.post(`/tasks/${run.id}/apply`));
      await aWhile(run);
      let released = false;
      await workedOff(run, async () => {
        if (released) return;
        const answer = await run.other.post("/locks/release", { lock_id: lease.id }).catch(() => undefined);
        released = answer?.status === 204 || answer?.status === 404;
      });
      const commits = killed.commits();
      vi.restoreAllMocks();
      await expectClean(run);
      if (commits < n) {
        expect(n).toBeGreaterThan(12);
        break;
      }
    }
    await people.stage.expectVerified();
  });

  it("of a cancellation of an apply that waits: it is cancelled, and nothing is held or awaited", async () => {
    const people = await cast();
    stopClock();
    for (let n = 1; ; n += 1) {
      const run = await approvedRun(people);
      const wanted = { resource_type: "resource", resource_id: run.keys[1], ttl_seconds: 300 };
      const lease = ok<Lock>(await run.other.post("/locks/acquire", wanted), 201);
      ok(await run.robo.post(`/tasks/${run.id}/apply`), 202);
      const killed = killAt(run.stage, n, death);
      await attempted(run.alice.post(`/tasks/${run.id}/cancel`));
      await aWhile(run, 5_000);
      const commits = killed.commits();
      vi.restoreAllMocks();
      await attempted(run.alice.post(`/tasks/${run.id}/cancel`));
      expect((await run.stage.task(run.id)).state).toBe("CANCELLED");
      ok(await run.other.post("/locks/release", { lock_id: lease.id }), 204);
      await expectFree(run);
      if (commits < n) {
        expect(n).toBeGreaterThan(3);
        break;
      }
    }
    await people.stage.expectVerified();
  });
});

describe("between every two steps", () => {
  const ends: Record<string, (run: Run) => Promise<void>> = {
    "all objects are aborted": () => abortAllDurableObjects(),
    "each actor is evicted": async ({ stage, actors }) => {
      // Whoever was not there yet, or slept already, need not be evicted.
      for (const actor of actors) await evictDurableObject(stage.stub(actor)).catch(() => undefined);
    },
    "the task's actor is aborted": ({ stage, id }) => stage.abort(`task:${id}`),
    "the dispatch, the agent and the resources are aborted": async ({ stage, actors }) => {
      for (const actor of actors.slice(1)) await stage.abort(actor);
    },
  };

  it.each(Object.entries(ends))("of a contended life %s, and it goes on", async (_, end) => {
    const people = await cast();
    stopClock();
    const { stage, alice, bob, robo, other } = people;
    const name = crypto.randomUUID();
    const resources = [
      { ...web, id: `${name}-a` },
      { ...web, id: `${name}-b` },
    ];
    const keys = [`service:prod/${name}-a`, `service:prod/${name}-b`] as const;
    const draft = await stage.draft(alice, { resources });
    const { id } = draft;
    const actors: ActorKey[] = [
      `task:${id}`,
      ...keys.map((key) => `resource:${key}` as const),
      "agent:robo",
      "dispatch",
    ];
    const run: Run = { ...people, id, keys, actors };
    await end(run);
    const task = ok<Task>(await alice.post(`/tasks/${id}/submit`), 202);
    await end(run);
    ok(await approve(bob, task));
    await end(run);
    const wanted = { resource_type: "resource", resource_id: keys[1], ttl_seconds: 300 };
    const lease = ok<Lock>(await other.post("/locks/acquire", wanted), 201);
    await end(run);
    ok(await robo.post(`/tasks/${id}/apply`), 202);
    await end(run);
    ok(await robo.post(`/tasks/${id}/apply`), 202);
    await end(run);
    ok(await other.post("/locks/release", { lock_id: lease.id }), 204);
    await end(run);
    // Word of the grant may have died with the task: then it looks by itself, ten seconds after it did last.
    await eventually(async () => {
      await aWhile(run);
      expect((await stage.task(id)).state).toBe("APPLYING");
    });
    await end(run);
    const first = ok<{ leases: { lock_id: string }[] }>(await robo.post(`/tasks/${id}/heartbeat`, { progress: 1 }));
    expect(first.leases).toHaveLength(4);
    await end(run);
    ok(await robo.post(`/tasks/${id}/complete`, { result: "success" }));
    await end(run);
    ok(await robo.post(`/tasks/${id}/complete`, { result: "success" }));
    for (const key of keys) {
      ok(await other.post("/locks/acquire", { ...wanted, resource_id: key, wait_for_available: false }), 201);
    }
    await stage.expectVerified(`task:${id}`, ...keys.map((key) => `resource:${key}` as const), "agent:robo");
  });
});

describe("a resource that does not answer", () => {
  /** Lets one method of one resource throw until it is told to answer again. */
  function silenced(
    stage: Stage,
    key: string,
    method: "take" | "deliver" | "heartbeat",
  ): { readonly over: () => void } {
    const own = ResourceActor.prototype[method] as (this: Committed, ...given: unknown[]) => unknown;
    let silent = true;
    const name = actorName(stage.workspace, "resource", hashedAddress("resource", key));
    const spy = vi.spyOn(ResourceActor.prototype as unknown as Record<string, typeof own>, method);
    spy.mockImplementation(function (this: Committed, ...given) {
      if (silent && this.ctx.id.name === name) throw new Error("no answer, for a test");
      return own.apply(this, given);
    });
    return {
      over: () => {
        silent = false;
      },
    };
  }

  it("ends an apply with 503; until what that held is free a new one is 503, too, and then begins", async () => {
    const run = await approvedRun(await cast());
    stopClock();
    const [first, second] = run.keys;
    const take = silenced(run.stage, second, "take");
    const deliver = silenced(run.stage, first, "deliver");
    const apply = () => run.robo.post(`/tasks/${run.id}/apply`);
    expect(refusal(await apply())).toEqual([503, "UNAVAILABLE"]);
    expect(await run.stage.task(run.id)).toMatchObject({ state: "APPROVED" });
    take.over();
    expect(refusal(await apply())).toEqual([503, "UNAVAILABLE"]);
    deliver.over();
    await aWhile(run, 5_000);
    const { leases } = ok<{ leases: { lock_id: string }[] }>(await apply());
    for (const { lock_id } of leases) {
      expect((await run.stage.root.get<Lock>(`/locks/${lock_id}`)).body.status).toBe("held");
    }
    await workedOff(run);
    await expectClean(run);
  });

  it("makes an apply that was promised to wait rest and come again, without anybody asking", async () => {
    const run = await approvedRun(await cast());
    stopClock();
    const [first, second] = run.keys;
    const wanted = { resource_type: "resource", resource_id: second, ttl_seconds: 300 };
    const lease = ok<Lock>(await run.other.post("/locks/acquire", wanted), 201);
    ok(await run.robo.post(`/tasks/${run.id}/apply`), 202);
    const take = silenced(run.stage, first, "take");
    ok(await run.other.post("/locks/release", { lock_id: lease.id }), 204);
    for (let turn = 0; turn < 3; turn += 1) await aWhile(run, 5_000);
    expect((await run.stage.task(run.id)).state).toBe("APPROVED");
    take.over();
    await eventually(async () => {
      await aWhile(run);
      expect((await run.stage.task(run.id)).state).toBe("APPLYING");
    });
    await workedOff(run);
    await expectClean(run);
  });

  it("makes a heartbeat 503, and the task does not lapse for it", async () => {
    const run = await approvedRun(await cast());
    stopClock();
    ok(await run.robo.post(`/tasks/${run.id}/apply`));
    pass(20_000);
    const heartbeat = silenced(run.stage, run.keys[1], "heartbeat");
    expect(refusal(await run.robo.post(`/tasks/${run.id}/heartbeat`))).toEqual([503, "UNAVAILABLE"]);
    expect((await run.stage.task(run.id)).state).toBe("APPLYING");
    heartbeat.over();
    ok(await run.robo.post(`/tasks/${run.id}/heartbeat`));
    await workedOff(run);
    await expectClean(run);
  });
});

it("a lock that is granted to an apply after its cancellation was told to let go is given back all the same", async () => {
  const run = await approvedRun(await cast());
  const [key] = run.keys;
  const name = actorName(run.stage.workspace, "resource", hashedAddress("resource", key));
  const told = Promise.withResolvers<void>();
  const { deliver, take } = ResourceActor.prototype;
  vi.spyOn(ResourceActor.prototype, "deliver").mockImplementation(async function (this: ResourceActor, ...given) {
    const receipt = await deliver.apply(this, given);
    if ((this as unknown as Committed).ctx.id.name === name) told.resolve();
    return receipt;
  });
  vi.spyOn(ResourceActor.prototype, "take").mockImplementation(async function (this: ResourceActor, ...given) {
    if ((this as unknown as Committed).ctx.id.name === name) {
      ok(await run.alice.post(`/tasks/${run.id}/cancel`));
      await told.promise;
    }
    return take.apply(this, given);
  });
  expect(refusal(await run.robo.post(`/tasks/${run.id}/apply`))).toEqual([409, "INVALID_STATE"]);
  vi.restoreAllMocks();
  await run.stage.expectFree(["robo"], run.keys);
  expect((await run.stage.task(run.id)).state).toBe("CANCELLED");
});

it("a task's own lock that somebody takes while its apply takes the others is waited for, and then the apply goes on", async () => {
  const run = await approvedRun(await cast());
  const { take } = ResourceActor.prototype;
  let rival: Lock | undefined;
  vi.spyOn(ResourceActor.prototype, "take").mockImplementation(async function (this: ResourceActor, ...given) {
    const wanted = { resource_type: "task", resource_id: run.id, wait_for_available: false };
    rival ??= ok<Lock>(await run.other.post("/locks/acquire", wanted), 201);
    return take.apply(this, given);
  });
  const { queue } = ok<{ queue: unknown[] }>(await run.robo.post(`/tasks/${run.id}/apply`), 202);
  vi.restoreAllMocks();
  expect(queue).toEqual([{ resource_type: "task", resource_id: run.id, queue_position: 1 }]);
  ok(await run.other.post("/locks/release", { lock_id: rival?.id }), 204);
  await run.stage.becomes(run.id, "APPLYING");
  const { leases } = await run.stage.apply(run.robo, run.id);
  const held = leases.map(({ resource_type, resource_id }) => `${resource_type}:${resource_id}`);
  expect(held).toEqual(["agent:robo", `task:${run.id}`, ...run.keys.map((key) => `resource:${key}`)]);
  ok(await run.robo.post(`/tasks/${run.id}/complete`, { result: "success" }));
  await expectClean(run);
});
