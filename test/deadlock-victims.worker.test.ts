/** What becomes of victims that come again (04-locks-and-deadlocks, "Resolution" 3 to 5). */
import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, describe, expect, it, vi } from "vitest";
import type { DeadlockInfo } from "../src/deadlocks/contract.ts";
import type { Lock } from "../src/locks/contract.ts";
import { ResourceActor } from "../src/locks/resource-actor.ts";
import type { Answer } from "./support/api.ts";
import { ask, COORDINATOR, held, read, release, resolved, waits } from "./support/deadlocks.ts";
import { detailsOf, eventually, ok, type Person, pass, refusal, Stage, stopClock, WEB, web } from "./support/stage.ts";

const TEN_MINUTES_MS = 10 * 60_000;

/** The read model does not answer until the mock is restored. */
async function spiedLocks(stage: Stage) {
  return runInDurableObject(stage.stub(COORDINATOR), (actor) => {
    const { DB } = (actor as unknown as { env: { DB: D1Database } }).env;
    const plain = DB.prepare.bind(DB);
    return vi.spyOn(DB, "prepare").mockImplementation((query) => {
      // Reads only: a ledger whose flush failed would wait for a clock that stands still.
      if (/^\s*SELECT[^;]*FROM locks/.test(query)) throw new Error("D1 is away, for a test");
      return plain(query);
    });
  });
}

async function knownLocks(stage: Stage, agent_id: string): Promise<string[]> {
  const { results } = await env.DB.prepare("SELECT resource_id FROM locks WHERE workspace = ?1 AND agent_id = ?2")
    .bind(stage.workspace, agent_id)
    .all<{ resource_id: string }>();
  return results.map(({ resource_id }) => resource_id);
}

/** Both hold a lock, `older` since longer, and each waits for the other's. Who gave way, and with which answer. */
async function crossing(
  older: Person,
  younger: Person,
  round: number,
): Promise<{ victim: string; lost: Answer<Lock> }> {
  const one = await held(older, `db:one-${round}`);
  pass(1_000);
  const two = await held(younger, `db:two-${round}`);
  pass(1_000);
  const [first, second] = await Promise.all([waits(older, `db:two-${round}`), waits(younger, `db:one-${round}`)]);
  const [lost, won, winner, own] = first.status === 423 ? [first, second, younger, two] : [second, first, older, one];
  expect(refusal(lost)).toEqual([423, "DEADLOCK_DETECTED"]);
  await release(winner, ok<Lock>(won, 201), own);
  const { resolution } = detailsOf(lost) as unknown as DeadlockInfo;
  expect(resolution.victim_agent_id).not.toBe(winner.id);
  return { victim: resolution.victim_agent_id, lost };
}

/** By a clock that is off by so many ms. */
async function skewed<T>(ms: number, work: () => Promise<T>): Promise<T> {
  pass(ms);
  return work().finally(() => pass(-ms));
}

async function agents() {
  const stage = new Stage();
  const [a, b, c] = await Promise.all([stage.agent("a"), stage.agent("b"), stage.agent("c")]);
  return { stage, a, b, c };
}

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

describe("a session that was a deadlock's victim", () => {
  it("keeps its first age: against somebody who came after it then, it is not the youngest any more", async () => {
    const { a, b, c } = await agents();
    stopClock();
    expect((await crossing(a, b, 1)).victim).toBe("b");
    // Its new lease is younger than that of c, but b was there before c.
    expect((await crossing(c, b, 2)).victim).toBe("c");
    expect((await crossing(c, b, 3)).victim).toBe("c");
  });

  it("has it for ten minutes after its last abort, then it is as young as its leases", async () => {
    const { a, b, c } = await agents();
    stopClock();
    expect((await crossing(a, b, 1)).victim).toBe("b");
    pass(TEN_MINUTES_MS - 10_000);
    expect((await crossing(c, b, 2)).victim).toBe("c");
    pass(10_000);
    expect((await crossing(a, b, 3)).victim).toBe("b");
  });

  it("keeps it over the death of the coordinator", async () => {
    const { stage, a, b, c } = await agents();
    stopClock();
    expect((await crossing(a, b, 1)).victim).toBe("b");
    await eventually(async () => {
      const { pagination } = ok<{ pagination: { total: number } }>(await stage.root.get("/locks/deadlocks"));
      expect(pagination.total).toBe(1);
    });
    await stage.abort("coordinator");
    expect((await crossing(c, b, 2)).victim).toBe("c");
  });

  it("is told to stay away for up to 200 ms, and twice as long with each abort within ten minutes", async () => {
    const { a, b } = await agents();
    stopClock();
    vi.spyOn(Math, "random").mockReturnValue(0.999_999);
    await held(a, "db:kept");
    const hints: unknown[] = [];
    for (let round = 1; round <= 5; round += 1) {
      pass(1_000);
      await held(b, `db:${round}`);
      pass(1_000);
      const [won, lost] = await Promise.all([waits(a, `db:${round}`), waits(b, "db:kept")]);
      expect(refusal(lost)).toEqual([423, "DEADLOCK_DETECTED"]);
      hints.push([detailsOf(lost).retry_after_ms, lost.headers.get("Retry-After")]);
      await release(a, ok<Lock>(won, 201));
    }
    expect(hints).toEqual([
      [199, "1"],
      [399, "1"],
      [799, "1"],
      [1_599, "2"],
      [3_199, "4"],
    ]);
    pass(TEN_MINUTES_MS);
    expect(detailsOf((await crossing(a, b, 6)).lost).retry_after_ms).toBe(199);
  });

  it("is never told to come back at once", async () => {
    const { a, b } = await agents();
    stopClock();
    vi.spyOn(Math, "random").mockReturnValue(0);
    expect(detailsOf((await crossing(a, b, 1)).lost).retry_after_ms).toBe(100);
  });
});

describe("the second sweep", () => {
  it.each([
    ["", 0],
    [", though their locks have clocks that are behind", -500],
  ])(
    "ends what the read model did not know in time, and spares what the victim asked for since%s",
    async (_, skew_ms) => {
      const { stage, a, b } = await agents();
      const { abortSession } = ResourceActor.prototype;
      vi.spyOn(ResourceActor.prototype, "abortSession").mockImplementation(function (this: ResourceActor, ...given) {
        pass(skew_ms);
        const answer = abortSession.apply(this, given);
        pass(-skew_ms);
        return answer;
      });
      const unknown = await spiedLocks(stage);
      stopClock();
      await held(a, "db:one");
      await held(b, "db:two");
      const aside = await skewed(skew_ms, () => held(b, "db:aside"));
      pass(10);
      ok(await ask(a, "db:two"), 202);
      expect(refusal(await waits(b, "db:one"))).toEqual([423, "DEADLOCK_DETECTED"]);
      ok(await read(b, aside));
      const retried = await skewed(skew_ms, () => held(b, "db:new"));
      const again = ok<Lock>(await skewed(skew_ms, () => ask(b, "db:one")), 202);
      unknown.mockRestore();
      // Not before it is there to be found.
      await eventually(async () => expect(await knownLocks(stage, "b")).toContain("db:aside"));
      pass(1_000);
      await stage.ring(COORDINATOR);
      await eventually(async () => expect(refusal(await read(b, aside))).toEqual([423, "DEADLOCK_DETECTED"]));
      ok(await read(b, retried));
      ok(await read(b, again));
      await eventually(() =>
        runInDurableObject(stage.stub(COORDINATOR), (_, state) => {
          expect(state.storage.sql.exec("SELECT id FROM sweeps").toArray()).toEqual([]);
        }),
      );
    },
  );
});

describe("a task's saga", () => {
  it("gives way as a victim, comes again and completes; no attempt is counted", async () => {
    const stage = new Stage();
    const { alice, bob, robo } = await stage.cast();
    const other = await stage.agent("other");
    const api = { ...web, id: "api" };
    const task = await stage.approved(alice, [bob], { resources: [api, web] });
    const mine = await held(other, WEB);
    ok(await robo.post(`/tasks/${task.id}/apply`), 202);
    const theirs = ok<Lock>(await waits(other, "service:prod/api"), 201);
    const [deadlock] = await resolved(stage);
    expect(deadlock?.resolution).toMatchObject({ victim_agent_id: "robo" });
    expect(deadlock?.resolution.victim_session_id).toMatch(`task:${task.id}:`);
    expect((await stage.task(task.id)).state).toBe("APPROVED");
    await release(other, mine, theirs);
    const applying = await stage.becomes(task.id, "APPLYING");
    expect(applying.execution?.attempt).toBe(1);
    ok(await robo.post(`/tasks/${task.id}/complete`, { result: "success" }), 200);
    await stage.becomes(task.id, "COMPLETED");
    await stage.expectFree(["robo"], [WEB, "service:prod/api"]);
  });
});
