/** What becomes of victims that come again (04-locks-and-deadlocks, "Resolution" 3 to 5). */
import { afterEach, describe, expect, it, vi } from "vitest";
import type { DeadlockInfo } from "../src/deadlocks/contract.ts";
import type { Lock } from "../src/locks/contract.ts";
import type { Answer } from "./support/api.ts";
import { detailsOf, eventually, ok, type Person, pass, refusal, Stage, stopClock } from "./support/stage.ts";

const TEN_MINUTES_MS = 10 * 60_000;

function ask(agent: Person, resource_id: string, headers = {}): Promise<Answer<Lock>> {
  const body = { resource_type: "resource", resource_id, ttl_seconds: 300, max_wait_seconds: 300 };
  return agent.post<Lock>("/locks/acquire", body, headers);
}

async function held(agent: Person, key: string): Promise<Lock> {
  return ok(await ask(agent, key), 201);
}

async function release(agent: Person, ...locks: Lock[]): Promise<void> {
  for (const { id } of locks) ok(await agent.post("/locks/release", { lock_id: id }), 204);
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
  const prefer = { Prefer: "wait=30" };
  const [first, second] = await Promise.all([
    ask(older, `db:two-${round}`, prefer),
    ask(younger, `db:one-${round}`, prefer),
  ]);
  const [lost, won, winner, own] = first.status === 423 ? [first, second, younger, two] : [second, first, older, one];
  expect(refusal(lost)).toEqual([423, "DEADLOCK_DETECTED"]);
  await release(winner, ok<Lock>(won, 201), own);
  const { resolution } = detailsOf(lost) as unknown as DeadlockInfo;
  expect(resolution.victim_agent_id).not.toBe(winner.id);
  return { victim: resolution.victim_agent_id, lost };
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
      const prefer = { Prefer: "wait=30" };
      const [won, lost] = await Promise.all([ask(a, `db:${round}`, prefer), ask(b, "db:kept", prefer)]);
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
