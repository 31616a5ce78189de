import { describe, expect, it } from "vitest";
import type { DeadlockInfo } from "../../deadlocks/contract.ts";
import { judgedTrail, type TrailJudgement } from "./lock-trail.ts";
import type { LockRow } from "./trail-lock.ts";

type More = Readonly<Record<string, unknown>>;

/** `id` names the lease or claim, its first letter the session. */
function row(ms: number, lock: string, action: string, id: string, more: More = {}): LockRow {
  const at = new Date(ms).toISOString().replace("Z", "000Z");
  const [agent_id] = id;
  const details = { lock_id: id, agent_id, session_id: agent_id, mode: "exclusive", ...more };
  return { at, action: `lock.${action}`, subject_type: "resource", subject_id: lock, details };
}

function got(ms: number, lock: string, id: string, fencing_token: number, more: More = {}): LockRow {
  return row(ms, lock, "acquired", id, { fencing_token, ...more });
}

const shared = { mode: "shared" };
const SLOW_MS = 1_000;

function judged(rows: LockRow[], deadlocks: DeadlockInfo[] = [], permits: number | null = null): TrailJudgement {
  return judgedTrail(rows, deadlocks, { permits: () => permits, dueBy: (from) => from + SLOW_MS });
}

function accept(rows: LockRow[], deadlocks?: DeadlockInfo[], permits?: number): void {
  expect(judged(rows, deadlocks, permits).problems).toEqual([]);
}

function reject(rows: LockRow[], problem: string, deadlocks?: DeadlockInfo[], permits?: number): void {
  expect(judged(rows, deadlocks, permits).problems.join("\n")).toContain(problem);
}

describe("the trail of one lock", () => {
  const first = got(0, "x", "a1", 1);

  it("tells of one holder at a time, of readers together, and of permits as many as there are", () => {
    accept([first, row(5, "x", "released", "a1"), got(6, "x", "b1", 2)]);
    reject([first, got(6, "x", "b1", 2)], "b1 is let in beside a1");
    accept([got(0, "x", "a1", 1, shared), got(6, "x", "b1", 2, shared)]);
    reject([got(0, "x", "a1", 1, shared), got(6, "x", "b1", 2)], "b1 is let in beside a1");
    accept([first, got(6, "x", "b1", 2)], [], 2);
    reject([first, got(6, "x", "b1", 2), got(7, "x", "c1", 3)], "c1 is let in beside", [], 2);
  });

  it("has tokens that rise by one", () => {
    const again = (token: number) => [first, row(5, "x", "expired", "a1"), got(6, "x", "b1", token)];
    accept(again(2));
    reject(again(1), "token 1 follows 1");
    reject(again(3), "token 3 follows 1");
  });

  it("lets nobody pass who has to wait, unless the reader was let in for a deadlock's sake", () => {
    const reading = [got(0, "x", "a1", 1, shared), row(2, "x", "queued", "b1")];
    reject([...reading, got(4, "x", "c1", 2, shared)], "c1 is let in before those ahead of it");
    accept([
      ...reading,
      row(3, "x", "queued", "c1", shared),
      row(4, "x", "reordered", "c1", shared),
      got(4, "x", "c1", 2, shared),
    ]);
    const waiting = [first, row(2, "x", "queued", "b1"), row(3, "x", "queued", "c1"), row(5, "x", "released", "a1")];
    accept([...waiting, got(5, "x", "b1", 2)]);
    reject([...waiting, got(5, "x", "c1", 2)], "c1 is let in before those ahead of it");
  });

  it("leaves nobody waiting who could be granted, once the moment is over", () => {
    const waiting = [first, row(2, "x", "queued", "b1"), row(5, "x", "released", "a1")];
    reject(waiting, "b1 is next, could be granted and waits");
    reject([...waiting, got(8, "x", "b1", 2)], "b1 is next, could be granted and waits");
    const readers = [first, row(2, "x", "queued", "b1", shared), row(5, "x", "downgraded", "a1", shared)];
    reject(readers, "b1 is next");
    accept([...readers, got(5, "x", "b1", 2, shared)]);
    accept([first, row(2, "x", "queued", "b1"), row(3, "x", "released", "b1", { ended_reason: "cancelled" })]);
  });

  it("knows upgrades: they keep their lease, go first, and wait for the other readers only", () => {
    const asked = [
      got(0, "x", "a1", 1, shared),
      got(0, "x", "b1", 2, shared),
      row(3, "x", "queued", "c1"),
      row(4, "x", "queued", "a1", { ...shared, fencing_token: 1 }),
    ];
    const alone = [...asked, row(6, "x", "released", "b1", shared)];
    accept([...alone, got(6, "x", "a1", 3, { upgraded: true })]);
    reject(alone, "the sole reader still waits to write");
    reject([...alone, got(6, "x", "c1", 3)], "c1 is let in beside a1");
    accept([...asked, row(6, "x", "expired", "a1", { ...shared, ended_reason: "wait_timeout" })]);
    reject([...asked, got(6, "x", "a1", 3, { upgraded: true })], "a1 is let in beside b1");
  });

  it("has no end of what was not there", () => {
    reject([row(0, "x", "released", "a1")], "lock.released of a1, which was not there");
    reject([first, row(1, "x", "released", "a1"), row(2, "x", "expired", "a1")], "a1 ended a second time");
  });
});

describe("a deadlock in the trail", () => {
  const crossing = [
    got(0, "x", "a1", 1),
    got(0, "y", "b1", 1),
    row(10, "y", "queued", "a2"),
    row(100, "x", "queued", "b2"),
  ];
  const broken = (at: number) => [
    row(at, "x", "aborted", "b2"),
    row(at + 1, "y", "aborted", "b1"),
    got(at + 1, "y", "a2", 2, { waited: true }),
  ];
  const info = (cycle: [string, string][], victim = "b"): DeadlockInfo => ({
    detected_at: new Date(0).toISOString(),
    cycle: cycle.map(([holds_lock, waits_for]) => {
      const [agent_id = ""] = waits_for;
      return { agent_id, session_id: agent_id, holds_lock, waits_for };
    }),
    resolution: { victim_agent_id: victim, victim_session_id: victim, strategy: "abort_youngest", released_locks: [] },
  });
  const real = info([
    ["a1", "a2"],
    ["b1", "b2"],
  ]);

  it("was real and is over in time", () => {
    accept([...crossing, ...broken(150)], [real]);
    expect(judged([...crossing, ...broken(150)], [real])).toMatchObject({
      deadlocked: [50, 50],
      lost: 0,
      falseVictims: 0,
    });
  });

  it("is lost if it stands for too long, to the end, or until something expires that would have been aborted", () => {
    reject([...crossing, ...broken(2_000)], "was in a deadlock from 100", [real]);
    reject(crossing, "was in a deadlock from 100 until Infinity");
    expect(judged(crossing).lost).toBe(2);
    expect(judged([...crossing, row(150, "y", "expired", "b1")]).lost).toBe(2);
    accept(crossing.slice(0, 3));
  });

  it("is none if it never stood as a whole, or of links that are none", () => {
    const passing = [...crossing.slice(0, 2), row(5, "x", "released", "a1"), ...crossing.slice(2), ...broken(150)];
    reject(passing, "never stood as a whole", [real]);
    expect(judged(passing, [real]).falseVictims).toBe(1);
    const elsewhere = info([
      ["a1", "a2"],
      ["a1", "b2"],
    ]);
    reject([...crossing, ...broken(150)], "has a link that is none", [elsewhere]);
  });

  it("has one victim: nobody else loses anything", () => {
    reject([...crossing, ...broken(150)], "b/b was aborted without a deadlock", []);
    reject([...crossing, ...broken(150), row(200, "x", "aborted", "a1")], "a/a was aborted without a deadlock", [real]);
  });

  it("costs nobody anything if only the queue holds a reader up", () => {
    // a reads x, c waits to write it, b holds y and waits to read x behind c, a waits for y.
    const rows = [
      got(0, "x", "a1", 1, shared),
      got(0, "y", "b1", 1),
      row(10, "x", "queued", "c1"),
      row(20, "y", "queued", "a2"),
      row(30, "x", "queued", "b2", shared),
    ];
    const soft = info([
      ["a1", "a2"],
      ["b1", "b2"],
    ]);
    reject([...rows, ...broken(60)], "a reader could have been let in", [soft]);
    accept([...rows, row(60, "x", "reordered", "b2", shared), got(60, "x", "b2", 2, shared)]);
    expect(
      judged([...rows, row(60, "x", "reordered", "b2", shared), got(60, "x", "b2", 2, shared)]).deadlocked,
    ).toEqual([30, 30, 30]);
  });

  it("stays out of locks of several permits", () => {
    const full = [got(0, "x", "z1", 2), got(0, "y", "z2", 2)];
    const rows = [...crossing.slice(0, 2), ...full, ...crossing.slice(2)];
    accept(rows, [], 2);
  });
});
