/** An agent through the client: claims, works, reports, goes back, drains; and stops at once when it lost what it worked under. */
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  Countersign,
  isCountersignError,
  type RunningWorker,
  type Work,
  type WorkerOptions,
} from "../../../src/client/index.ts";
import type { Task } from "../../../src/tasks/task-contract.ts";
import { type Fault, FaultProxy } from "../../support/fault-proxy.ts";
import { approvedTask, type Cast, written } from "../../support/main-job.ts";
import { until } from "../../support/server.ts";
import type { SharedServer } from "../../support/shared-server.ts";

export function workerSuite(shared: SharedServer): void {
  let cast: Cast;
  let proxy: FaultProxy;
  const reported: unknown[] = [];
  const workers: RunningWorker[] = [];
  beforeAll(async () => {
    cast = await shared.cast("client-worker");
    proxy = await FaultProxy.before(shared.url);
  });
  afterAll(async () => {
    await Promise.all(workers.map((worker) => worker.stop()));
    await proxy.close();
  });

  /** A worker of the first agent, for tasks of one type only. */
  function started(type: string, options: Omit<WorkerOptions, "capabilities">) {
    const client = new Countersign({
      url: proxy.url,
      token: cast.agent.token,
      retry: { base_ms: 1, cap_ms: 20 },
      report: (error) => reported.push(error),
    });
    const worker = client.worker({ capabilities: [type], waitSeconds: 1, drainOnSigterm: false, ...options });
    workers.push(worker);
    return worker;
  }

  const approved = (type: string, id: string, more = {}) =>
    approvedTask(cast, [written("service", id)], { type, ...more });
  const read = (id: string) => cast.author.get<Task>(`/tasks/${id}`);
  const completed = (id: string) => until(async () => (await read(id)).state === "COMPLETED");

  test("it works on several tasks at once, tells how far it is, and each ends with what it came to", async () => {
    const tasks = await Promise.all(["a", "b", "c"].map((id) => approved("w.several", id)));
    let together = 0;
    let most = 0;
    const both = Promise.withResolvers<void>();
    const seen: Work[] = [];
    started("w.several", {
      concurrency: 2,
      handle: async (task, work) => {
        seen.push(work);
        together += 1;
        most = Math.max(most, together);
        if (together === 2) both.resolve();
        await both.promise;
        work.progress(50, "half");
        together -= 1;
        return { output: { did: task.id } };
      },
    });
    await Promise.all(tasks.map(({ id }) => completed(id)));
    expect(most).toBe(2);
    expect(seen.map(({ attempt }) => attempt)).toEqual([1, 1, 1]);
    expect(seen[0]?.leases.map(({ resource_type }) => resource_type).sort()).toEqual(["agent", "resource", "task"]);
    for (const { id } of tasks)
      expect((await read(id)).execution).toMatchObject({ result: "success", output: { did: id } });
  });

  test("the fencing token of a resource is its lease's; of another there is none", async () => {
    const { id } = await approved("w.tokens", "fenced");
    let token: number | undefined;
    started("w.tokens", {
      handle: async (_, work) => {
        token = work.fencingToken("service:prod/fenced");
        expect(() => work.fencingToken("service:prod/other")).toThrow("holds no lease on service:prod/other");
        return undefined;
      },
    });
    await completed(id);
    expect(token).toBeGreaterThan(0);
  });

  test("what is thrown makes the task fail, and what was stashed is gone back to", async () => {
    const { id } = await approved("w.rollback", "rolled-back");
    started("w.rollback", {
      handle: async (_, work) => {
        await work.stash("service:prod/rolled-back", { version: 1 });
        throw new TypeError("disk full");
      },
      rollback: async (_, stash) => expect(stash).toEqual({ "service:prod/rolled-back": { version: 1 } }),
    });
    await completed(id);
    expect((await read(id)).execution).toMatchObject({
      result: "failure",
      error: { name: "TypeError", message: "disk full" },
      rollback: { status: "succeeded" },
    });
  });

  test("who cannot go back says so, and the task ends", async () => {
    const { id } = await approved("w.no-rollback", "stays");
    started("w.no-rollback", {
      handle: async (_, work) => {
        await work.stash("service:prod/stays", 1);
        throw "no error at all";
      },
    });
    await completed(id);
    const { execution } = await read(id);
    expect(execution).toMatchObject({ error: { message: "no error at all" }, rollback: { status: "failed" } });
  });

  test("an outcome that does not fit makes the task fail instead of hanging", async () => {
    const { id } = await approved("w.unfit", "unfit");
    started("w.unfit", { handle: async () => ({ resources: { "service:prod/foreign": {} } }) });
    await completed(id);
    expect((await read(id)).execution).toMatchObject({ result: "failure" });
  });

  test("draining claims nothing more and finishes what was begun", async () => {
    const first = await approved("w.drain", "first");
    const begun = Promise.withResolvers<void>();
    const finish = Promise.withResolvers<void>();
    const worker = started("w.drain", {
      handle: async () => {
        begun.resolve();
        await finish.promise;
        return undefined;
      },
    });
    await begun.promise;
    const stopped = worker.stop();
    const second = await approved("w.drain", "second");
    finish.resolve();
    await stopped;
    expect((await read(first.id)).state).toBe("COMPLETED");
    expect((await read(second.id)).state).toBe("APPROVED");
  });

  test("once its lease is taken away the work is called off at the next heartbeat, and is not completed", async () => {
    const { id } = await approved("w.lost", "lost");
    let reason: unknown;
    started("w.lost", {
      handle: async (_, work) => {
        const lease = work.leases.find(({ resource_type }) => resource_type === "resource");
        await cast.root.post("/locks/release", 204, { lock_id: lease?.lock_id, force: true, reason: "taken away" });
        work.progress(10);
        await new Promise((resolve) => work.signal.addEventListener("abort", resolve));
        reason = work.signal.reason;
        return { output: "must not count" };
      },
    });
    await until(() => reported.some((error) => isCountersignError(error, "LEASE_LOST")));
    expect(isCountersignError(reason, "LEASE_LOST")).toBe(true);
    const { state, execution } = await read(id);
    expect([state, execution?.output]).toEqual(["APPROVED", undefined]);
  });

  test("over a network that fails at random, every task is worked on once and ends well", async () => {
    const faults: readonly Fault[] = ["none", "lost", "unanswered", "twice", "unavailable", "garbled"];
    const tasks = await Promise.all(["r1", "r2", "r3", "r4", "r5", "r6"].map((id) => approved("w.random", id)));
    let dice = 11;
    proxy.fault = () => {
      dice = (dice * 1_103_515_245 + 12_345) % 2 ** 31;
      return faults[dice % faults.length] ?? "none";
    };
    const worked: string[] = [];
    started("w.random", {
      concurrency: 3,
      handle: async ({ id }) => {
        worked.push(id);
        return { output: id };
      },
    });
    await Promise.all(tasks.map(({ id }) => completed(id)));
    proxy.fault = () => "none";
    expect(worked.sort()).toEqual(tasks.map(({ id }) => id).sort());
  });

  test("who may not work at all is told so", async () => {
    const client = new Countersign({ url: shared.url, token: cast.author.token, report: () => undefined });
    const worker = client.worker({ handle: async () => undefined, drainOnSigterm: false });
    await expect(worker.done).rejects.toMatchObject({ code: "AGENT_NOT_FOUND" });
  });
}
