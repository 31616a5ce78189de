import { describe, expect, it } from "vitest";
import { checkLockHistory, explained } from "./check-lock-history.ts";
import {
  accept,
  acquire,
  ada,
  beat,
  bob,
  call,
  denied,
  eve,
  expired,
  lock,
  queued,
  refused,
  reject,
  release,
  shared,
  TTL,
  took,
  unknown,
} from "./history.fixture.ts";
import { type LockAnswer, LockHistories } from "./lock-history.ts";

describe("one holder at a time", () => {
  it("accepts a lock that goes from hand to hand", () => {
    accept([took(0, ada, "a", 1), release(10, ada, "a"), took(20, bob, "b", 2), release(30, bob, "b")]);
  });

  it("rejects a second holder while the first has neither released nor expired", () => {
    reject([took(0, ada, "a", 1), took(20, bob, "b", 2)]);
    reject([took(0, ada, "a", 1, shared), took(20, bob, "b", 2)]);
    reject([took(0, ada, "a", 1), took(20, bob, "b", 2, shared)]);
  });

  it("accepts many readers, and a writer only after the last of them", () => {
    const readers = [took(0, ada, "a", 1, shared), took(5, bob, "b", 2, shared)];
    accept([...readers, release(10, ada, "a"), release(20, bob, "b"), took(30, eve, "e", 3)]);
    reject([...readers, release(10, ada, "a"), took(30, eve, "e", 3)]);
  });

  it("lets a release take effect anywhere between its call and its answer, not outside", () => {
    const slow = { ...release(10, ada, "a"), answered: 100 };
    accept([took(0, ada, "a", 1), slow, took(20, bob, "b", 2)]);
    reject([took(0, ada, "a", 1), { ...slow, invoked: 50 }, took(20, bob, "b", 2)]);
  });

  it("rejects what only several answers together rule out", () => {
    const slow = took(5, bob, "b", 2, { until: 100 });
    const first = [took(0, ada, "a", 1, { until: 50 }), release(60, ada, "a"), slow];
    accept([...first, beat(70, bob, "b", lock("b", { token: 2 }))]);
    reject([...first, beat(30, bob, "b", lock("b", { token: 2 }))]);
  });

  it("rejects an answer that shows two who cannot hold it together", () => {
    const holders = (...ids: string[]) =>
      ids.map((id) => ({ id, session: id === "a" ? "ada/ada" : "bob/bob", acquired_at: 0, ends_at: TTL }));
    const seen = (...ids: string[]) => acquire(0, ada, lock("a", { token: 1, holders: holders(...ids) }));
    accept([seen("a")], { tolerance_ms: 5 });
    reject([seen("a", "b")], { tolerance_ms: 5 });
  });

  it("accepts that the same session gets its own lease back, and nobody else's", () => {
    accept([took(0, ada, "a", 1), acquire(10, ada, lock("a", { token: 1, reentrant: true }))]);
    reject([took(0, ada, "a", 1), acquire(10, ada, lock("b", { token: 1, reentrant: true }))]);
    const other = { ...ada, session_id: "other" };
    reject([took(0, ada, "a", 1), took(10, other, "b", 2)]);
  });
});

describe("fencing tokens", () => {
  const once = [took(0, ada, "a", 1), release(10, ada, "a"), took(20, bob, "b", 2), release(30, bob, "b")];

  it("rejects a token that goes back, is used again or leaves one out", () => {
    accept([...once, took(40, eve, "e", 3)]);
    reject([...once, took(40, eve, "e", 1)]);
    reject([...once, took(40, eve, "e", 2)]);
    reject([...once, took(40, eve, "e", 4)]);
  });

  it("accepts a gap where somebody may have been granted the lock without anybody knowing", () => {
    accept([took(0, ada, "a", 1), release(10, ada, "a"), acquire(20, eve), took(2_000, bob, "b", 3)]);
    reject([took(0, ada, "a", 1), release(10, ada, "a"), acquire(20, eve), took(500, bob, "b", 3)]);
  });

  it("holds a lock that was used before to where its tokens were", () => {
    accept([took(0, ada, "a", 8)], { token: 7 });
    reject([took(0, ada, "a", 1)], { token: 7 });
  });

  it("rejects a storage system's being told anything but the tokens that are", () => {
    const verify = (at: number, token: number, current: boolean, highest: number) =>
      call(at, { do: "verify", by: eve, token }, { kind: "verified", current, highest });
    accept([took(0, ada, "a", 1), verify(5, 1, true, 1), release(10, ada, "a"), verify(20, 1, false, 1)]);
    reject([took(0, ada, "a", 1), verify(5, 1, false, 1)]);
    reject([took(0, ada, "a", 1), verify(5, 1, true, 2)]);
    reject([took(0, ada, "a", 1), release(10, ada, "a"), verify(20, 1, true, 1)]);
  });
});

describe("releases", () => {
  it("rejects a lock that stays taken after its release was acknowledged", () => {
    accept([took(0, ada, "a", 1), refused(5, bob, ada, "a"), release(10, ada, "a")]);
    reject([took(0, ada, "a", 1), release(10, ada, "a"), refused(20, bob, ada, "a")]);
    const waited = acquire(20, bob, { kind: "refused" }, { wait_ms: 30, hold_ms: 60, until: 50 });
    reject([took(0, ada, "a", 1), release(10, ada, "a"), waited]);
  });

  it("rejects a grant to a claim that was withdrawn", () => {
    const waits = [took(0, ada, "a", 1), queued(5, bob, "b")];
    accept([...waits, release(10, ada, "a"), beat(20, bob, "b", lock("b", { token: 2 }))]);
    reject([...waits, release(8, bob, "b"), release(10, ada, "a"), beat(20, bob, "b", lock("b", { token: 2 }))]);
    accept([...waits, release(8, bob, "b"), release(10, ada, "a"), beat(20, bob, "b", unknown)]);
  });

  it("rejects a second release of the same lease, and one by somebody else", () => {
    reject([took(0, ada, "a", 1), release(10, ada, "a"), release(20, ada, "a")]);
    accept([took(0, ada, "a", 1), release(10, ada, "a"), release(20, ada, "a", unknown)]);
    reject([took(0, ada, "a", 1), release(10, bob, "a")]);
    accept([took(0, ada, "a", 1), release(10, bob, "a", denied)]);
    reject([took(0, ada, "a", 1), release(10, ada, "a", denied)]);
  });

  it("rejects that a lease is unknown while it is held", () => {
    reject([took(0, ada, "a", 1), beat(10, ada, "a", unknown)]);
  });

  it("rejects that a stale release freed the session's newer lease", () => {
    const again = [took(0, ada, "a", 1), release(10, ada, "a"), took(20, ada, "a2", 2), release(30, ada, "a", unknown)];
    accept([...again, beat(40, ada, "a2", lock("a2", { token: 2 }))]);
    reject([...again, took(40, bob, "b", 3)]);
  });

  it("takes a release whose answer was lost for done or not done, whichever explains the rest", () => {
    accept([took(0, ada, "a", 1), release(10, ada, "a", null), took(20, bob, "b", 2)]);
    accept([took(0, ada, "a", 1), release(10, ada, "a", null), refused(20, bob, ada, "a")]);
    reject([took(0, ada, "a", 1), release(10, ada, "a", null), took(20, bob, "b", 2), refused(30, eve, ada, "a")]);
  });

  it("lets an admin's force end any lease", () => {
    const force = call(10, { do: "release", by: eve, id: "a", force: true }, { kind: "released" });
    accept([took(0, ada, "a", 1), force, took(20, bob, "b", 2)]);
  });
});

describe("expiry", () => {
  it("accepts a new holder once the lease has lapsed, not before", () => {
    accept([took(0, ada, "a", 1), took(TTL + 1, bob, "b", 2)]);
    reject([took(0, ada, "a", 1), took(TTL - 5, bob, "b", 2)]);
  });

  it("goes by the end that the lock itself named", () => {
    const named = acquire(0, ada, lock("a", { token: 1, ends_at: TTL + 1 }), { until: 300 });
    accept([named, took(TTL + 1, bob, "b", 2)]);
    reject([named, took(TTL - 1, bob, "b", 2)]);
    reject([acquire(0, ada, lock("a", { token: 1, ends_at: 2 * TTL }), { until: 300 })]);
  });

  it("rejects a heartbeat that was accepted after the end, and one that failed before", () => {
    accept([took(0, ada, "a", 1), beat(TTL - 5, ada, "a", lock("a", { token: 1 }))]);
    reject([took(0, ada, "a", 1), beat(TTL + 5, ada, "a", lock("a", { token: 1 }))]);
    accept([took(0, ada, "a", 1), beat(TTL + 5, ada, "a", expired)]);
    reject([took(0, ada, "a", 1), beat(TTL - 5, ada, "a", expired)]);
  });

  it("rejects a heartbeat accepted after another was granted the lock, however the clocks go", () => {
    const options = { tolerance_ms: 500 };
    const taken = [took(0, ada, "a", 1), took(TTL - 100, bob, "b", 2)];
    accept(taken, options);
    reject([...taken, beat(TTL, ada, "a", lock("a", { token: 1 }))], options);
  });

  it("counts from the last heartbeat, also from one whose answer was lost", () => {
    const kept = [took(0, ada, "a", 1), beat(500, ada, "a", lock("a", { token: 1 }))];
    accept([...kept, took(1_502, bob, "b", 2)]);
    reject([...kept, took(1_400, bob, "b", 2)]);
    const maybe = [took(0, ada, "a", 1), beat(500, ada, "a")];
    accept([...maybe, took(1_400, bob, "b", 2)]);
    accept([...maybe, refused(1_400, bob, ada, "a")]);
    reject([...maybe, refused(2_500, bob, ada, "a")]);
  });

  it("rejects that somebody is refused for a lease that lapsed", () => {
    reject([took(0, ada, "a", 1), refused(TTL + 5, bob, ada, "a")]);
  });

  it("rejects a grant to a claim whose own wait was over", () => {
    const waits = [took(0, ada, "a", 1), queued(5, bob, "b", { wait_ms: 100 })];
    const seen = lock("b", { token: 2 });
    accept([...waits, release(50, ada, "a"), beat(300, bob, "b", seen)]);
    reject([...waits, release(200, ada, "a"), beat(300, bob, "b", seen)]);
  });
});

describe("waiting", () => {
  const held = took(0, ada, "a", 1);

  it("does not ask who came first: FIFO is no part of linearizability", () => {
    const waits = [held, queued(5, bob, "b"), queued(10, eve, "e"), release(20, ada, "a")];
    accept([...waits, beat(30, eve, "e", lock("e", { token: 2 }))]);
    accept([...waits, beat(30, bob, "b", lock("b", { token: 2 }))]);
    reject([...waits, beat(30, bob, "b", lock("b", { token: 2 })), beat(40, eve, "e", lock("e", { token: 3 }))]);
  });

  it("accepts a call held open until its grant", () => {
    const waited = took(5, bob, "b", 2, { wait_ms: 1_000, hold_ms: 1_000, until: 60 });
    accept([held, { ...release(20, ada, "a"), answered: 50 }, waited]);
    reject([held, waited]);
  });

  it("rejects a wait for a lock that shows no holder", () => {
    const answer = lock("b", { status: "queued", holders: [] });
    reject([held, release(10, ada, "a"), acquire(20, bob, answer, { wait_ms: 1_000 })]);
  });

  it("accepts that a reader is refused for a writer who waits, rejects it for a reader who waits", () => {
    const reading = took(0, ada, "a", 1, shared);
    accept([reading, queued(5, bob, "b"), refused(10, eve, bob, "b", shared)]);
    accept([reading, acquire(5, bob, undefined, { wait_ms: 1_000 }), refused(10, eve, bob, "b", shared)]);
    reject([reading, queued(5, bob, "b", shared), refused(10, eve, bob, "b", shared)]);
    reject([reading, queued(5, bob, "b"), release(8, bob, "b"), refused(10, eve, bob, "b", shared)]);
  });

  it("lets a deadlock's victim lose its lease", () => {
    const victim: LockAnswer = { kind: "gone", code: "DEADLOCK_DETECTED" };
    accept([held, took(20, bob, "b", 2), beat(30, ada, "a", victim)]);
    reject([held, beat(10, ada, "a", victim), beat(20, ada, "a", lock("a", { token: 1 }))]);
  });

  it("accepts that a call whose answer was lost got the lock, and that it did not", () => {
    accept([acquire(0, ada), took(10, bob, "b", 1)]);
    accept([acquire(0, ada), refused(10, bob, ada, "a"), took(TTL + 20, bob, "b", 2)], { patience_ms: 5 });
    reject([acquire(0, ada), took(10, bob, "b", 1), refused(20, eve, ada, "a")]);
  });

  it("holds a lost call to its time: it is not carried out long after", () => {
    const late = [acquire(0, ada), took(500, bob, "b", 1), release(510, bob, "b"), took(5_000, bob, "b2", 3)];
    accept(late);
    reject(late, { patience_ms: 100 });
  });
});

describe("upgrades and downgrades", () => {
  const reading = took(0, ada, "a", 1, shared);
  const upgraded = acquire(10, ada, lock("a", { token: 2 }));

  it("accepts a sole reader's upgrade, with a new token and the old id", () => {
    accept([reading, upgraded, refused(20, bob, ada, "a", shared)]);
    reject([reading, acquire(10, ada, lock("a", { token: 1 }))]);
  });

  it("rejects an upgrade beside another reader", () => {
    reject([took(0, bob, "b", 1, shared), took(2, ada, "a", 2, shared), acquire(10, ada, lock("a", { token: 3 }))]);
  });

  it("accepts an upgrade that waits for the other readers", () => {
    const pending = lock("a", { token: 2, mode: "shared", upgrading: true });
    const waits = [
      took(0, bob, "b", 1, shared),
      took(2, ada, "a", 2, shared),
      acquire(10, ada, pending, { wait_ms: 900 }),
    ];
    accept([...waits, release(20, bob, "b"), beat(30, ada, "a", lock("a", { token: 3 }))]);
    reject([...waits, beat(30, ada, "a", lock("a", { token: 3 }))]);
  });

  it("lets readers in after a downgrade, and nobody before", () => {
    const downgrade = call(10, { do: "downgrade", by: ada, id: "a" }, lock("a", { token: 1, mode: "shared" }));
    accept([took(0, ada, "a", 1), downgrade, took(20, bob, "b", 2, shared)]);
    reject([took(0, ada, "a", 1), downgrade, took(20, bob, "b", 2)]);
    reject([took(0, ada, "a", 1), { ...downgrade, invoked: 30, answered: 31 }, took(20, bob, "b", 2, shared)]);
  });
});

describe("a failure", () => {
  it("is told by the shortest prefix of the history and the states before it", () => {
    const verdict = checkLockHistory([took(0, ada, "a", 1), took(20, bob, "b", 2), release(30, bob, "b")]);
    const text = explained(verdict);
    expect(text).toContain("not linearizable: 2 acts, the last of which nothing explains");
    expect(text).toContain('"session":"bob/bob","id":"b"');
    expect(text).toContain('"leases":[{"session":"ada/ada"');
    expect(text).not.toContain(" end ");
  });

  it("is a RangeError where the history lacks the call that an answer is about", () => {
    expect(() => checkLockHistory([beat(0, ada, "a", lock("a", { token: 1 }))])).toThrow("a was never handed out");
  });
});

describe("the recording", () => {
  it("keeps a history for each lock, with the times of calls and answers", async () => {
    let now = 0;
    const histories = new LockHistories(() => (now += 1));
    const what = release(0, ada, "a").call;
    await histories.record("x", what, async () => ({ kind: "released" }));
    await histories.record("y", what, async () => undefined);
    expect(histories.locks).toEqual(["x", "y"]);
    expect(histories.of("x")).toEqual([{ call: what, invoked: 1, answered: 2, answer: { kind: "released" } }]);
    expect(histories.of("y")).toEqual([{ call: what, invoked: 3, answered: Number.POSITIVE_INFINITY }]);
  });
});
