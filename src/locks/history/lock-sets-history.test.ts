import { describe, it } from "vitest";
import type { Session } from "../lock-types.ts";
import {
  accept,
  acquire,
  ada,
  bob,
  call,
  denied,
  eve,
  lock,
  queued,
  refused,
  reject,
  release,
  shared,
  TTL,
  took,
} from "./history.fixture.ts";
import type { LockAnswer } from "./lock-history.ts";

describe("one of several locks that were wanted together", () => {
  const undone: LockAnswer = { kind: "undone" };
  const tried = (at: number, until = at + 10) => acquire(at, eve, undone, { until });

  it("was taken and given back before the answer that another was not free", () => {
    accept([tried(0), took(20, bob, "b", 2)]);
    reject([tried(0), took(20, bob, "b", 1)]);
    accept([tried(0), refused(5, ada, eve, "e"), took(20, bob, "b", 2)]);
    accept([tried(0), took(5, ada, "a", 2), release(8, ada, "a"), took(20, bob, "b", 3)]);
    const seen = call(40, { do: "read", by: bob, id: "b" }, lock("b", { token: 3 }));
    accept([took(0, ada, "a", 1), queued(2, bob, "b"), tried(5, 100), release(8, ada, "a"), seen]);
  });

  it("is free again when that is answered: nobody is kept out by it any more, and nobody let in beside it before", () => {
    reject([tried(0), refused(20, bob, eve, "e")]);
    reject([took(0, ada, "a", 1, { until: 5 }), release(6, ada, "a"), tried(20), refused(40, bob, eve, "e", shared)]);
    reject([tried(0, 100), took(20, bob, "b", 2), refused(60, ada, eve, "e", shared)]);
  });

  it("used up one token, seen by others or not", () => {
    reject([tried(0), took(20, bob, "b", 3)]);
    accept([tried(0), { ...tried(2), call: { ...tried(2).call, by: ada } }, took(20, bob, "b", 3)]);
    const beside = { id: "e", session: "eve/eve", acquired_at: 2, ends_at: TTL + 2 };
    const reader = { id: "b", session: "bob/bob", acquired_at: 3, ends_at: TTL + 3 };
    const held = lock("b", { token: 2, mode: "shared", holders: [beside, reader] });
    const [wanted, met] = [acquire(0, eve, undone, { ...shared, until: 10 }), acquire(2, bob, held, shared)];
    accept([wanted, met, took(20, ada, "a", 3, shared)]);
    reject([wanted, met, took(20, ada, "a", 4, shared)]);
  });

  it("cannot have been taken while somebody else held it", () => {
    reject([took(0, ada, "a", 1), tried(20)]);
    accept([took(0, ada, "a", 1), tried(20), release(25, ada, "a"), took(50, bob, "b", 3)]);
  });

  describe("whose answer was lost", () => {
    const lost = (at: number, by = eve) => acquire(at, by, undefined, { together: true });
    const queue = { wait_ms: 2_000, hold_ms: 0 };
    const seen = (at: number, token: number) => call(at, { do: "read", by: bob, id: "b" }, lock("b", { token }));

    it("may have been taken and given back, and then the next in the queue was let in", () => {
      const waited = (token: number) => [
        took(0, ada, "a", 81),
        queued(2, bob, "b", queue),
        lost(5),
        release(8, ada, "a"),
        seen(40, token),
      ];
      for (const token of [82, 83]) accept(waited(token), { token: 80 });
      reject(waited(84), { token: 80 });
      accept([lost(0), took(20, bob, "b", 2)]);
    });

    it("may have been taken and kept, or not taken at all", () => {
      accept([lost(0), refused(20, bob, eve, "e")]);
      accept([lost(0), took(20, bob, "b", 1)]);
      accept([lost(0), refused(20, bob, eve, "e"), took(TTL + 30, bob, "b", 2)]);
    });

    it("may have kept somebody out before it was given back, but nobody afterwards", () => {
      accept([lost(0), refused(10, bob, eve, "e"), took(20, bob, "b", 2)]);
      reject([lost(0), refused(10, bob, eve, "e"), took(20, bob, "b", 1)]);
      reject([lost(0), took(20, bob, "b", 2), release(30, bob, "b"), refused(40, ada, eve, "e")]);
    });

    it("was given back in time or never: later on only its lapse frees it", () => {
      const kept = [lost(0), refused(20, bob, eve, "e")];
      reject([...kept, refused(60, bob, eve, "e"), took(70, bob, "b", 2)], { patience_ms: 40 });
      accept([...kept, took(70, bob, "b", 2)], { patience_ms: 40 });
    });

    it("is no excuse for one that was wanted alone: that is never given back by itself", () => {
      reject([acquire(0, eve), refused(10, bob, eve, "e"), took(20, bob, "b", 2)]);
      reject([took(0, ada, "a", 1), lost(5), took(20, bob, "b", 3)]);
    });
  });

  it("is held like any other when all of them were free", () => {
    const readers = [
      took(0, ada, "a", 1, { mode: "shared", until: 30 }),
      took(0, bob, "b", 2, { ...shared, until: 9 }),
    ];
    accept(readers);
    reject([...readers, took(40, eve, "e", 3)]);
  });
});

describe("a downgrade", () => {
  const down = (at: number, by: Session, id: string, answer: LockAnswer) =>
    call(at, { do: "downgrade", by, id }, answer);
  const reader = lock("a", { token: 1, mode: "shared" });

  it("is rejected as somebody else's, after the end, and where it changes the token", () => {
    reject([took(0, ada, "a", 1), down(10, bob, "a", reader)]);
    reject([took(0, ada, "a", 1), release(5, ada, "a"), down(10, ada, "a", reader)]);
    reject([took(0, ada, "a", 1), down(TTL + 5, ada, "a", reader)]);
    reject([took(0, ada, "a", 1), down(10, ada, "a", lock("a", { token: 3, mode: "shared" }))]);
    reject([took(0, ada, "a", 1), down(10, ada, "a", lock("a", { token: 1 }))]);
    accept([took(0, ada, "a", 1), down(10, bob, "a", denied), down(20, ada, "a", reader)]);
  });

  it("whose answer was lost may have let readers in, or not", () => {
    const lost = call(10, { do: "downgrade", by: ada, id: "a" });
    accept([took(0, ada, "a", 1), lost, took(20, bob, "b", 2, shared)]);
    accept([took(0, ada, "a", 1), lost, refused(20, bob, ada, "a", shared)]);
    reject([took(0, ada, "a", 1), lost, took(20, bob, "b", 2)]);
  });

  it("leaves the token what a storage system takes for current", () => {
    const verify = (at: number, token: number, current: boolean, highest: number) =>
      call(at, { do: "verify", by: eve, token }, { kind: "verified", current, highest });
    const history = [took(0, ada, "a", 1), down(10, ada, "a", reader), took(20, bob, "b", 2, shared)];
    accept([...history, verify(30, 1, true, 2), verify(40, 2, true, 2)]);
    reject([...history, verify(30, 1, false, 2)]);
    reject([...history, verify(30, 2, true, 1)]);
    reject([...history, verify(TTL + 40, 1, true, 2)]);
  });
});
