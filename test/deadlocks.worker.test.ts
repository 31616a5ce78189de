import { runInDurableObject } from "cloudflare:test";
import { afterEach, describe, expect, it, vi } from "vitest";
import type { DeadlockInfo } from "../src/deadlocks/contract.ts";
import type { Lock } from "../src/locks/contract.ts";
import {
  agents,
  ask,
  COORDINATOR,
  counted,
  crossing,
  deadlocks,
  graph,
  held,
  type Loose,
  read,
  release,
  resolved,
  waits,
} from "./support/deadlocks.ts";
import { detailsOf, eventually, ok, type Person, refusal, Stage } from "./support/stage.ts";

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

describe("two agents that cross two locks", () => {
  it("are told within the requests held open: one 423 with the DeadlockInfo, the other its lock", async () => {
    const { stage, a, b } = await agents();
    const { one, two, forTwo } = await crossing(a, b);
    const closed = Date.now();
    const lost = await waits(b, "db:one");
    const told = Date.now() - closed;
    expect(refusal(lost)).toEqual([423, "DEADLOCK_DETECTED"]);
    expect(told).toBeLessThan(5_000);
    const won = ok<Lock>(await forTwo, 201);
    expect(won).toMatchObject({ status: "held", resource_id: "db:two", fencing_token: 2 });

    const { retry_after_ms, ...deadlock } = detailsOf(lost);
    expect(retry_after_ms).toBeGreaterThanOrEqual(100);
    expect(retry_after_ms).toBeLessThanOrEqual(200);
    expect(lost.headers.get("Retry-After")).toBe("1");
    const { cycle, resolution } = deadlock as DeadlockInfo;
    const claim = cycle.find(({ agent_id }) => agent_id === "b")?.waits_for ?? "";
    expect(cycle).toHaveLength(2);
    expect(cycle).toContainEqual({ agent_id: "a", session_id: "a", holds_lock: one.id, waits_for: won.id });
    expect(cycle).toContainEqual({ agent_id: "b", session_id: "b", holds_lock: two.id, waits_for: claim });
    expect(resolution).toMatchObject({ victim_agent_id: "b", victim_session_id: "b", strategy: "abort_youngest" });
    expect([...resolution.released_locks].sort()).toEqual([claim, two.id].sort());
    expect((await deadlocks(stage)).deadlocks).toEqual([deadlock]);

    // Whoever asks about what the victim lost is told the same.
    for (const id of [two.id, claim]) {
      const lookups = [
        await b.get(`/locks/${id}`),
        await b.post("/locks/heartbeat", { lock_id: id }),
        await b.post("/locks/release", { lock_id: id }),
      ];
      for (const answer of lookups) {
        expect(refusal(answer)).toEqual([423, "DEADLOCK_DETECTED"]);
        expect(detailsOf(answer)).toEqual({ ...deadlock, retry_after_ms });
        expect(answer.headers.get("Retry-After")).toBe("1");
      }
    }
    const batch = await b.post("/locks/heartbeat", { lock_ids: [two.id] });
    expect(batch.body).toMatchObject({ results: [{ ok: false, error: { code: "DEADLOCK_DETECTED" } }] });

    // The victim comes again and is served in its turn.
    const again = waits(b, "db:one");
    await release(a, won, one);
    ok(await again, 201);
    expect((await deadlocks(stage)).pagination.total).toBe(1);
  });

  it("leave a trail: the deadlock, and each lease and claim that it cost", async () => {
    const { stage, a, b } = await agents();
    const { forTwo } = await crossing(a, b);
    await waits(b, "db:one");
    await forTwo;
    await eventually(async () => {
      const rows = (action: string) =>
        stage.root.get<{ entries: Loose[] }>(`/audit?action=${action}`).then((answer) => ok<Loose>(answer));
      expect(JSON.stringify(await rows("deadlock.resolved"))).toContain('"victim_agent_id":"b"');
      expect(JSON.stringify(await rows("lock.aborted")).match(/"action":"lock.aborted"/g)).toHaveLength(2);
    });
    await stage.expectVerified();
  });

  it.each([
    ["abort_lowest_priority", "a"],
    ["abort_youngest", "b"],
    ["no such strategy", "b"],
  ])("by DEADLOCK_STRATEGY %s: %s gives way", async (DEADLOCK_STRATEGY, victim) => {
    const { stage, a, b } = await agents();
    await runInDurableObject(stage.stub(COORDINATOR), (actor) => {
      const inside = actor as unknown as { env: object };
      inside.env = { ...inside.env, DEADLOCK_STRATEGY };
    });
    await held(a, "db:one");
    await held(b, "db:two");
    const answers = await Promise.all([waits(a, "db:two", { priority: 10 }), waits(b, "db:one", { priority: 90 })]);
    expect(answers.map(({ status }) => status).sort()).toEqual([201, 423]);
    const [deadlock] = (await deadlocks(stage)).deadlocks;
    expect(deadlock?.resolution.victim_agent_id).toBe(victim);
  });

  it("are told by GET, too, when no request was held open", async () => {
    const { stage, a, b } = await agents();
    await held(a, "db:one");
    await held(b, "db:two");
    const forTwo = ok<Lock>(await ask(a, "db:two"), 202);
    const forOne = ok<Lock>(await ask(b, "db:one"), 202);
    await resolved(stage);
    expect(refusal(await read(b, forOne))).toEqual([423, "DEADLOCK_DETECTED"]);
    expect(ok<Lock>(await read(a, forTwo))).toMatchObject({ status: "held" });
  });

  it("lose all that the session had, also where nobody waits, but nothing of the agent's other sessions", async () => {
    const { stage, a, b } = await agents();
    const one = await held(a, "db:one");
    const two = await held(b, "db:two");
    const aside = await held(b, "db:aside");
    const other = await held(b, "db:other", { session_id: "another" });
    // The read model has to know of it for the first pass.
    await runInDurableObject(stage.stub("resource:db:aside"), (actor) =>
      (actor as unknown as { ship(): Promise<boolean> }).ship(),
    );
    const forTwo = waits(a, "db:two");
    const lost = await waits(b, "db:one");
    expect(refusal(lost)).toEqual([423, "DEADLOCK_DETECTED"]);
    ok(await forTwo, 201);
    await eventually(async () => expect(refusal(await read(b, aside))).toEqual([423, "DEADLOCK_DETECTED"]));
    expect(refusal(await read(b, two))).toEqual([423, "DEADLOCK_DETECTED"]);
    ok(await read(b, other));
    ok(await read(a, one));
    expect((detailsOf(lost) as unknown as DeadlockInfo).resolution.released_locks).not.toContain(other.id);
  });
});

describe("other cycles", () => {
  it("of five: one victim, and everybody else is served", async () => {
    const { stage, cast } = await agents(5);
    for (const [at, agent] of cast.entries()) await held(agent, `db:${at}`);
    const answers = await Promise.all(
      cast.map(async (agent, at) => {
        const next = `db:${(at + 1) % cast.length}`;
        const answer = await waits(agent, next);
        if (answer.status !== 201) return answer.status;
        const mine = ok<Lock>(answer, 201);
        await release(agent, mine);
        // Others wait for what this one held in the first place.
        const first = ok<Lock>(await ask(agent, `db:${at}`), 201);
        await release(agent, first);
        return 201;
      }),
    );
    expect([...answers].sort()).toEqual([201, 201, 201, 201, 423]);
    const [deadlock] = await resolved(stage);
    expect(deadlock?.cycle).toHaveLength(5);
    await eventually(async () => expect(await graph(stage)).toEqual({ nodes: [], edges: [] }));
  });

  it("of two readers that both want to write: one gives way, the other is the writer", async () => {
    const { a, b } = await agents();
    const first = await held(a, "db:one", { mode: "shared" });
    const second = await held(b, "db:one", { mode: "shared" });
    const [one, other] = await Promise.all([
      waits(a, "db:one", { mode: "exclusive" }),
      waits(b, "db:one", { mode: "exclusive" }),
    ]);
    expect(refusal(other)).toEqual([423, "DEADLOCK_DETECTED"]);
    expect(detailsOf(other)).toMatchObject({ resolution: { released_locks: [second.id] } });
    const writer = ok<Lock>(one, 201);
    expect(writer).toMatchObject({ id: first.id, mode: "exclusive", status: "held", fencing_token: 3 });
    expect(writer.upgrade_pending).toBeUndefined();
  });

  it("with a soft link are opened by letting the reader in early: nobody is aborted", async () => {
    const { stage, cast, a, b } = await agents(3);
    const c = cast[2] ?? a;
    // a reads one; c waits to write it; b holds two; b's read of one waits behind c only; a waits for two.
    const reading = await held(a, "db:one", { mode: "shared" });
    await held(b, "db:two");
    const writer = ok<Lock>(await ask(c, "db:one"), 202);
    const forTwo = ok<Lock>(await ask(a, "db:two"), 202);
    const reader = ok<Lock>(await waits(b, "db:one", { mode: "shared" }), 201);
    expect(reader).toMatchObject({ mode: "shared", status: "held" });
    expect(ok<Lock>(await read(c, writer))).toMatchObject({ status: "queued" });
    expect(ok<Lock>(await read(a, forTwo))).toMatchObject({ status: "queued" });
    ok(await read(a, reading));
    expect((await deadlocks(stage)).pagination.total).toBe(0);
    await eventually(async () => {
      const rows = ok<Loose>(await stage.root.get("/audit?action=lock.reordered"));
      expect(JSON.stringify(rows)).toContain(reader.id);
    });
  });
});

describe("who stays out of it", () => {
  it("locks that nobody waits for: not a call, not a commit of the coordinator", async () => {
    const { stage, a, b } = await agents();
    const reports = await counted(stage, COORDINATOR, "report");
    for (let n = 0; n < 5; n += 1) {
      const lock = await held(a, "db:one");
      ok(await a.post("/locks/heartbeat", { lock_id: lock.id }));
      expect((await ask(b, "db:one", { wait_for_available: false })).status).toBe(423);
      await release(a, lock);
    }
    // A contended one later on is heard of, so silence before it meant something.
    await held(a, "db:two");
    ok(await ask(b, "db:two"), 202);
    await eventually(async () => expect(reports()).toBe(1));
    const timers = await runInDurableObject(stage.stub("resource:db:one"), (_, state) =>
      state.storage.sql.exec("SELECT name FROM timers WHERE name = 'report'").toArray(),
    );
    expect(timers).toEqual([]);
  });

  it("agent locks of several permits; with a single one they are locks like any other", async () => {
    const stage = new Stage();
    const [wide, narrow] = await Promise.all([
      stage.agent("wide", { max_tasks: 2 }),
      stage.agent("narrow", { max_tasks: 1 }),
    ]);
    const reports = await counted(stage, COORDINATOR, "report");
    const permit = (agent: Person, session_id: string) =>
      agent.post<Lock>("/locks/acquire", {
        resource_type: "agent",
        resource_id: agent.id,
        session_id,
        max_wait_seconds: 300,
      });
    ok(await permit(wide, "one"), 201);
    ok(await permit(wide, "two"), 201);
    ok(await permit(wide, "three"), 202);
    ok(await permit(narrow, "one"), 201);
    ok(await permit(narrow, "two"), 202);
    await eventually(async () => expect(reports()).toBe(1));
    expect((await graph(stage)).edges).toEqual([
      expect.objectContaining({ resource_type: "agent", resource_id: "narrow" }),
    ]);
  });
});

describe("GET /locks/graph and GET /locks/deadlocks", () => {
  it("show who waits for whom, to admins only", async () => {
    const { stage, a, b } = await agents();
    await eventually(async () => expect(await graph(stage)).toEqual({ nodes: [], edges: [] }));
    const lock = await held(a, "db:one");
    const claim = ok<Lock>(await ask(b, "db:one", { session_id: "nightly" }), 202);
    const [from, to] = [
      { agent_id: "b", session_id: "nightly" },
      { agent_id: "a", session_id: "a" },
    ];
    await eventually(async () => {
      const { nodes, edges } = await graph(stage);
      expect(nodes).toHaveLength(2);
      expect(nodes).toEqual(expect.arrayContaining([from, to]));
      expect(edges).toEqual([
        { from, to, resource_type: "resource", resource_id: "db:one", since: expect.any(String) },
      ]);
    });
    for (const path of ["/locks/graph", "/locks/deadlocks"]) {
      expect(refusal(await a.get(path))).toEqual([403, "FORBIDDEN"]);
    }
    await release(a, lock);
    await release(b, claim);
    await eventually(async () => expect(await graph(stage)).toEqual({ nodes: [], edges: [] }));
  });

  it("page through the history, newest first", async () => {
    const { stage, a, b } = await agents();
    for (let n = 1; n <= 3; n += 1) {
      const [one, two] = [`db:one-${n}`, `db:two-${n}`];
      const session_id = `s${n}`;
      await held(a, one, { session_id });
      await held(b, two, { session_id });
      await Promise.all([waits(a, two, { session_id }), waits(b, one, { session_id })]);
      await resolved(stage, n);
    }
    const first = await deadlocks(stage, "?limit=2");
    expect(first.pagination).toMatchObject({ total: 3, has_more: true });
    const rest = await deadlocks(stage, `?limit=2&cursor=${first.pagination.next_cursor}`);
    expect(rest.pagination).toMatchObject({ has_more: false });
    const paged = await deadlocks(stage, "?limit=2&page=2");
    expect(paged.deadlocks).toEqual(rest.deadlocks);
    const all = [...first.deadlocks, ...rest.deadlocks];
    expect(all.map(({ resolution }) => resolution.victim_session_id)).toEqual(["s3", "s2", "s1"]);
    expect(refusal(await stage.root.get("/locks/deadlocks?cursor=none"))).toEqual([400, "VALIDATION_ERROR"]);
  });

  it("keep the last 1,000", async () => {
    const { stage, a, b } = await agents();
    for (let n = 1; n <= 2; n += 1) {
      const session_id = `s${n}`;
      await held(a, `db:one-${n}`, { session_id });
      await held(b, `db:two-${n}`, { session_id });
      await Promise.all([waits(a, `db:two-${n}`, { session_id }), waits(b, `db:one-${n}`, { session_id })]);
      if (n === 1) {
        await resolved(stage);
        await runInDurableObject(stage.stub(COORDINATOR), (_, { storage }) => {
          for (let past = 2; past <= 1_000; past += 1) storage.sql.exec("INSERT INTO deadlocks VALUES (?)", past);
        });
      }
    }
    const { deadlocks: newest, pagination } = await deadlocks(stage, "?limit=1");
    expect(pagination.total).toBe(1_000);
    expect(newest[0]?.resolution.victim_session_id).toBe("s2");
    await runInDurableObject(stage.stub(COORDINATOR), (_, { storage }) => {
      expect(storage.sql.exec("SELECT n FROM deadlocks ORDER BY n LIMIT 1").one()).toEqual({ n: 2 });
      expect(storage.sql.exec("SELECT key FROM documents WHERE key = 'deadlock:1'").toArray()).toEqual([]);
    });
  });
});
