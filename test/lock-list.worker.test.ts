import { runInDurableObject } from "cloudflare:test";
import { afterEach, describe, expect, it, vi } from "vitest";
import type { Lock, LockInfo } from "../src/locks/contract.ts";
import type { Api } from "./support/api.ts";
import { detailsOf, eventually, ok, type Person, pass, refusal, Stage, stopClock } from "./support/stage.ts";

type Loose = Record<string, unknown>;
interface Page {
  readonly locks: readonly LockInfo[];
  readonly pagination: {
    readonly page: number;
    readonly limit: number;
    readonly total: number;
    readonly has_more: boolean;
    readonly next_cursor?: string;
  };
}

async function ask(agent: Person, resource_id: string, more: Loose = {}): Promise<Lock> {
  const body = { resource_type: "resource", resource_id, ttl_seconds: 300, max_wait_seconds: 300, ...more };
  const answer = await agent.post<Lock>("/locks/acquire", body);
  if (answer.status !== 202) return ok(answer, 201);
  return answer.body;
}

async function list(who: Api, query = ""): Promise<Page> {
  return ok<Page>(await who.get(`/locks${query}`));
}

/** The keys listed, in order, once the read model knows as many as there are. */
async function listed(who: Api, query: string, total: number): Promise<string[]> {
  return eventually(async () => {
    const { locks, pagination } = await list(who, query);
    expect(pagination.total).toBe(total);
    return locks.map(({ resource_id }) => resource_id);
  });
}

async function agents() {
  const stage = new Stage();
  const [a, b, c] = await Promise.all([stage.agent("a"), stage.agent("b"), stage.agent("c")]);
  return { stage, a, b, c };
}

afterEach(() => {
  vi.useRealTimers();
});

describe("GET /locks", () => {
  it("shows each held lease with all that wait for its lock, as they stand now", async () => {
    const { stage, a, b, c } = await agents();
    const one = await ask(a, "db:one", { mode: "shared", purpose: "read" });
    const two = await ask(b, "db:one", { mode: "shared" });
    await listed(stage.root, "", 2);
    // What follows nobody waits for: queue and expiry come from the lock itself.
    const upgrade = await ask(a, "db:one", { priority: 90 });
    const claim = await ask(c, "db:one", { mode: "shared", session_id: "nightly", priority: 7 });
    const { expires_at } = ok<Lock>(await b.post("/locks/heartbeat", { lock_id: two.id, ttl_extension_seconds: 300 }));
    const { locks } = await list(stage.root);
    expect(locks.map(({ id }) => id)).toEqual([two.id, one.id]);
    const time = expect.any(String);
    const queue = [
      { lock_id: upgrade.id, agent_id: "a", session_id: "a", mode: "exclusive", requested_at: time, priority: 50 },
      { lock_id: claim.id, agent_id: "c", session_id: "nightly", mode: "shared", requested_at: time, priority: 7 },
    ];
    expect(locks[0]).toMatchObject({ status: "held", mode: "shared", fencing_token: 2, expires_at, queue });
    expect(locks[1]).toMatchObject({ id: one.id, upgrade_pending: true, fencing_token: 1, queue });
    expect(locks[1]?.holders).toHaveLength(2);
  });

  it("finds leases by resource, and by agent and session of the holder or of somebody who waits", async () => {
    const { stage, a, b, c } = await agents();
    const alice = await stage.user("alice", "author");
    const task = await stage.draft(alice);
    await ask(a, "db:one");
    await ask(a, "db:two", { session_id: "nightly" });
    await ask(b, "db:three");
    await ask(b, task.id, { resource_type: "task" });
    await ask(b, "b", { resource_type: "agent" });
    await ask(c, "db:one", { session_id: "nightly" });
    const { root } = stage;
    expect(await listed(root, "?agent_id=c", 1)).toEqual(["db:one"]);
    expect((await listed(root, "", 5)).sort()).toEqual(["b", "db:one", "db:three", "db:two", task.id].sort());
    expect((await listed(root, "?resource_type=resource", 3)).sort()).toEqual(["db:one", "db:three", "db:two"]);
    expect(await listed(root, `?resource_type=task&resource_id=${task.id}`, 1)).toEqual([task.id]);
    expect(await listed(root, "?resource_type=task&resource_id=db:one", 0)).toEqual([]);
    expect((await listed(root, "?agent_id=a", 2)).sort()).toEqual(["db:one", "db:two"]);
    expect((await listed(root, "?session_id=nightly", 2)).sort()).toEqual(["db:one", "db:two"]);
    expect(await listed(root, "?agent_id=a&session_id=nightly", 1)).toEqual(["db:two"]);
    expect(await listed(root, "?agent_id=c&session_id=nightly", 1)).toEqual(["db:one"]);
    expect(await listed(root, "?agent_id=b&session_id=nightly", 0)).toEqual([]);
    expect(await listed(root, "?agent_id=%25&resource_id=db:one", 0)).toEqual([]);
    expect((await listed(a, "", 2)).sort()).toEqual(["db:one", "db:two"]);
    expect(await listed(a, "?agent_id=b", 0)).toEqual([]);
    expect(await listed(a, "?agent_id=c", 1)).toEqual(["db:one"]);
    expect(await listed(c, "", 0)).toEqual([]);
  });

  it("is for admins, who see all of their workspace, and agents, who see their own; others are 403", async () => {
    const { stage, a, b } = await agents();
    const [alice, ada] = await Promise.all([
      stage.user("alice", "author", "reviewer"),
      stage.user("ada", "admin"),
      new Stage().agent("a").then((stranger) => ask(stranger, "db:elsewhere")),
    ]);
    await ask(a, "db:one");
    await ask(b, "db:two");
    expect((await listed(ada, "", 2)).sort()).toEqual(["db:one", "db:two"]);
    expect(await listed(b, "", 1)).toEqual(["db:two"]);
    expect(refusal(await alice.get("/locks"))).toEqual([403, "FORBIDDEN"]);
  });

  it("pages by number and by cursor, the newest first, without a gap or a repetition", async () => {
    const { stage, a } = await agents();
    stopClock();
    const keys = Array.from({ length: 7 }, (_, n) => `db:${n}`);
    for (const [n, key] of keys.entries()) {
      await ask(a, key);
      // Some were granted in the same millisecond.
      if (n % 3 === 2) pass(5);
    }
    await listed(stage.root, "", 7);
    const seen: string[] = [];
    for (let query: string | undefined = "?limit=3"; query !== undefined; ) {
      const { locks, pagination }: Page = await list(stage.root, query);
      seen.push(...locks.map(({ resource_id }) => resource_id));
      expect(pagination).toMatchObject({ limit: 3, total: 7, has_more: seen.length < 7 });
      const next = pagination.next_cursor;
      query = next === undefined ? undefined : `?limit=3&cursor=${encodeURIComponent(next)}`;
    }
    expect([...seen].sort()).toEqual(keys);
    expect([seen[0], seen.slice(4).sort()]).toEqual(["db:6", ["db:0", "db:1", "db:2"]]);
    const paged = [1, 2, 3].map((page) => list(stage.root, `?limit=3&page=${page}`));
    expect((await Promise.all(paged)).flatMap(({ locks }) => locks.map((one) => one.resource_id))).toEqual(seen);
  });

  it("leaves out a lease that has ended since, though the read model has not heard of it", async () => {
    const { stage, a, b } = await agents();
    stopClock();
    await ask(a, "db:short", { ttl_seconds: 30 });
    const lasting = await ask(b, "db:lasting");
    await listed(stage.root, "", 2);
    pass(30_000);
    await runInDurableObject(stage.stub("config"), (ledger) => {
      vi.spyOn(Object.getPrototypeOf(ledger), "accept").mockRejectedValue(new Error("away, for a test"));
    });
    expect((await list(stage.root)).locks.map(({ id }) => id)).toEqual([lasting.id]);
    vi.restoreAllMocks();
  });

  it.each([
    ["?resource_type=table", "resource_type"],
    ["?resource_id=", "resource_id"],
    [`?agent_id=${"x".repeat(129)}`, "agent_id"],
    ["?session_id=", "session_id"],
    ["?status=held", "status"],
    ["?limit=101", "limit"],
    ["?page=0", "page"],
    ["?cursor=none", "cursor"],
  ])("names what is wrong: %s", async (query, field) => {
    root ??= new Stage().root;
    const answer = await root.get(`/locks${query}`);
    expect(refusal(answer)).toEqual([400, "VALIDATION_ERROR"]);
    expect(detailsOf(answer).field).toBe(field);
  });
});

let root: Api | undefined;
