/** What each step of a warm lock writes: a row costs a statement, and most of them a page of its own (06-performance). */
import { runInDurableObject } from "cloudflare:test";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { agents, held, KEY, read, release } from "./support/one-lock.ts";
import { ok, type Stage } from "./support/stage.ts";

beforeEach(() => {
  // Nothing is shipped or cleared up in between.
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
});

afterEach(() => {
  vi.useRealTimers();
});

/** Rows that the lock's object inserted, changed or deleted since it woke. */
function rowsWritten(stage: Stage): Promise<number> {
  return runInDurableObject(stage.stub(KEY), (_, { storage }) =>
    Number(storage.sql.exec("SELECT total_changes() AS n").one().n),
  );
}

it("a heartbeat writes the lease, a grant its journal and counters too, a release also how long it was held and how it ended", async () => {
  const { stage, a } = await agents();
  for (let n = 0; n < 2; n += 1) await release(await held(a), a);
  const cost = async <T>(step: () => Promise<T>): Promise<[number, T]> => {
    const before = await rowsWritten(stage);
    const value = await step();
    return [(await rowsWritten(stage)) - before, value];
  };

  const [granting, lease] = await cost(() => held(a));
  expect(granting).toBe(3);
  for (let n = 0; n < 3; n += 1) {
    const [keeping] = await cost(async () => ok(await a.post("/locks/heartbeat", { lock_id: lease.id })));
    expect(keeping).toBe(1);
  }
  expect((await cost(() => read(lease, a)))[0]).toBe(0);
  expect((await cost(() => release(lease, a)))[0]).toBe(5);
});
