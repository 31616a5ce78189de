/** Work under locks through the client: exclusive, kept alive, called off when lost, given back, deadlocks and faults included. */
import { setTimeout as pause } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Countersign, isCountersignError } from "../../../src/client/index.ts";
import type { Lock } from "../../../src/locks/contract.ts";
import { type Fault, FaultProxy } from "../../support/fault-proxy.ts";
import type { Cast } from "../../support/main-job.ts";
import type { SharedServer } from "../../support/shared-server.ts";

export function locksSuite(shared: SharedServer): void {
  let cast: Cast;
  let proxy: FaultProxy;
  let agent: Countersign;
  let heir: Countersign;
  const reported: unknown[] = [];
  const clientOf = (token: string, url = shared.url) =>
    new Countersign({ url, token, retry: { base_ms: 1, cap_ms: 20 }, report: (error) => reported.push(error) });
  beforeAll(async () => {
    cast = await shared.cast("client-locks");
    proxy = await FaultProxy.before(shared.url);
    agent = clientOf(cast.agent.token);
    heir = clientOf(cast.heir.token);
  });
  afterAll(() => proxy.close());

  const isFree = async (key: string) => {
    const wanted = { resource_type: "resource", resource_id: key, wait_for_available: false };
    const { status, body } = await cast.heir.call<Lock>("POST", "/locks/acquire", wanted);
    if (status === 201) await cast.heir.post("/locks/release", 204, { lock_id: body.id });
    return status === 201;
  };

  describe("withLock", () => {
    test("one works at a time, in whatever order they come, each with a higher fencing token", async () => {
      const tokens: number[] = [];
      let inside = 0;
      const work = (client: Countersign) =>
        client.withLock("service:shared/counter", { max_wait_seconds: 30 }, async (lock) => {
          inside += 1;
          expect(inside).toBe(1);
          await pause(5);
          tokens.push(lock.fencing_token);
          inside -= 1;
        });
      await Promise.all([agent, heir, agent, heir, agent, heir].map(work));
      expect(tokens).toEqual([...tokens].sort((a, b) => a - b));
      expect(new Set(tokens).size).toBe(6);
    });

    test("it is given back whether the work ends well or not, and the work's own error is thrown", async () => {
      expect(await agent.withLock("service:shared/ends", {}, async () => "done")).toBe("done");
      expect(await isFree("service:shared/ends")).toBe(true);
      const failing = agent.withLock("service:shared/ends", {}, () => Promise.reject(new Error("disk full")));
      await expect(failing).rejects.toThrow("disk full");
      expect(await isFree("service:shared/ends")).toBe(true);
    });

    test("who does not wait is refused with the holder; who waits in vain leaves no claim behind", async () => {
      await agent.withLock("service:shared/busy", {}, async () => {
        const options = { max_wait_seconds: 0 };
        const now = heir.withLock("service:shared/busy", options, () => expect.unreachable());
        await expect(now).rejects.toMatchObject({
          code: "RESOURCE_LOCKED",
          details: { holder: { agent_id: "migrator" } },
        });
        const soon = heir.withLock("service:shared/busy", { max_wait_seconds: 1 }, () => expect.unreachable());
        await expect(soon).rejects.toMatchObject({ code: "RESOURCE_LOCKED" });
      });
      expect(await isFree("service:shared/busy")).toBe(true);
    });

    test("who loses patience while waiting withdraws the claim", async () => {
      await agent.withLock("service:shared/left", {}, async (lock) => {
        const waiting = heir.withLock("service:shared/left", { signal: AbortSignal.timeout(100) }, () =>
          expect.unreachable(),
        );
        await expect(waiting).rejects.toMatchObject({ name: "TimeoutError" });
        const standing = await agent.locks.get(lock.id);
        expect(standing).toMatchObject({ status: "held" });
      });
      expect(await isFree("service:shared/left")).toBe(true);
    });

    test("a lease taken away aborts the work at its next heartbeat, and nobody is told that it ended well", async () => {
      const key = "service:shared/forced";
      let reason: unknown;
      const working = agent.withLock(key, { ttl_seconds: 5 }, async (lock) => {
        await cast.root.post("/locks/release", 204, { lock_id: lock.id, force: true, reason: "stuck" });
        const { promise, resolve } = Promise.withResolvers<void>();
        lock.signal.addEventListener("abort", () => resolve());
        await promise;
        reason = lock.signal.reason;
      });
      await expect(working).rejects.toMatchObject({ code: "LEASE_LOST" });
      expect(isCountersignError(reason, "LEASE_LOST")).toBe(true);
    });

    test("cut off from the server, the work is called off before anybody else can have the lock", async () => {
      const cut = clientOf(cast.agent.token, proxy.url);
      proxy.fault = () => "none";
      const key = "service:shared/cut-off";
      let heldByOther = true;
      const working = cut.withLock(key, { ttl_seconds: 5 }, async (lock) => {
        proxy.fault = () => "lost";
        await new Promise((resolve) => lock.signal.addEventListener("abort", resolve));
        heldByOther = await isFree(key);
        proxy.fault = () => "none";
      });
      await expect(working).rejects.toMatchObject({ code: "LEASE_LOST" });
      expect(heldByOther).toBe(false);
    }, 20_000);

    test("two sessions that take two locks crosswise both end well: the victim of the deadlock begins again", async () => {
      const runs = { agent: 0, heir: 0 };
      const both = (client: Countersign, who: "agent" | "heir", first: string, second: string) =>
        client.withLock(first, { max_wait_seconds: 30 }, async (outer) => {
          runs[who] += 1;
          if (runs.agent + runs.heir < 2) await pause(300);
          await outer.withLock(second, { max_wait_seconds: 30 }, async (inner) => {
            expect(inner.session_id).toBe(outer.session_id);
          });
          return who;
        });
      const done = await Promise.all([
        both(agent, "agent", "service:shared/left-hand", "service:shared/right-hand"),
        both(heir, "heir", "service:shared/right-hand", "service:shared/left-hand"),
      ]);
      expect(done).toEqual(["agent", "heir"]);
      expect(runs.agent + runs.heir).toBe(3);
      const { deadlocks } = await cast.root.get<{ deadlocks: unknown[] }>("/locks/deadlocks");
      expect(deadlocks).toHaveLength(1);
    });

    test("the same lock taken again inside is the same lease, and stays with the outer one", async () => {
      await agent.withLock("service:shared/nested", {}, async (outer) => {
        await outer.withLock("service:shared/nested", {}, async (inner) => expect(inner.id).toBe(outer.id));
        expect(await isFree("service:shared/nested")).toBe(false);
      });
      expect(await isFree("service:shared/nested")).toBe(true);
    });
  });

  describe("withLocks", () => {
    test("all are held at once or none, whatever the order, and all are given back", async () => {
      const keys = ["service:many/a", "service:many/b", "service:many/c"];
      const inside = new Set<string>();
      const work = (client: Countersign, wanted: readonly string[]) =>
        client.withLocks(wanted, { max_wait_seconds: 30 }, async (locks) => {
          for (const key of wanted) {
            expect(inside.has(key)).toBe(false);
            expect(locks.fencingToken(key)).toBeGreaterThan(0);
            inside.add(key);
          }
          await pause(5);
          for (const key of wanted) inside.delete(key);
        });
      const reversed = keys.toReversed();
      await Promise.all([
        work(agent, keys),
        work(heir, reversed),
        work(agent, keys.slice(1)),
        work(heir, reversed.slice(1)),
      ]);
      expect(await Promise.all(keys.map(isFree))).toEqual([true, true, true]);
    });

    test("where one stays taken nothing is held in the end, and who holds it is told", async () => {
      await agent.withLock("service:many/taken", {}, async () => {
        const wanted = ["service:many/free", "service:many/taken"];
        const waiting = heir.withLocks(wanted, { max_wait_seconds: 1 }, () => expect.unreachable());
        await expect(waiting).rejects.toMatchObject({ code: "RESOURCE_LOCKED" });
        expect(await isFree("service:many/free")).toBe(true);
      });
    });

    test("one lease taken away aborts the work on all", async () => {
      const working = agent.withLocks(["service:many/x", "service:many/y"], { ttl_seconds: 5 }, async (locks) => {
        const [, second] = locks.leases;
        await cast.root.post("/locks/release", 204, { lock_id: second?.lock_id, force: true, reason: "stuck" });
        await new Promise((resolve) => locks.signal.addEventListener("abort", resolve));
      });
      await expect(working).rejects.toMatchObject({ code: "LEASE_LOST" });
      expect(await isFree("service:many/x")).toBe(true);
    });
  });

  test("over a network that fails at random, work under a lock is never done by two and never lost", async () => {
    const faults: readonly Fault[] = ["none", "none", "lost", "unanswered", "twice", "unavailable", "garbled"];
    let dice = 7;
    proxy.fault = () => {
      dice = (dice * 1_103_515_245 + 12_345) % 2 ** 31;
      return faults[dice % faults.length] ?? "none";
    };
    let counter = 0;
    let inside = 0;
    const work = (token: string) =>
      clientOf(token, proxy.url).withLock("service:shared/random", { max_wait_seconds: 30 }, async () => {
        inside += 1;
        expect(inside).toBe(1);
        const read = counter;
        await pause(2);
        counter = read + 1;
        inside -= 1;
      });
    await Promise.all(Array.from({ length: 12 }, (_, at) => work(at % 2 === 0 ? cast.agent.token : cast.heir.token)));
    proxy.fault = () => "none";
    expect(counter).toBe(12);
    expect(proxy.passed.some(({ fault }) => fault === "unanswered")).toBe(true);
    expect(await isFree("service:shared/random")).toBe(true);
  });
}
