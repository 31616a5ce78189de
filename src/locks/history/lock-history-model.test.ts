/** The checker against histories of the real lock book under random overlap, as they are and with one lie in them. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { checkLockHistory, explained } from "./check-lock-history.ts";
import type { LockAnswer, RecordedCall, Sighting } from "./lock-history.ts";
import { simulated, turns } from "./simulated-history.ts";

/** The clocks agree and nothing of the simulation is under way for longer. */
const OPTIONS = { patience_ms: 50 };

function isAccepted(history: readonly RecordedCall[]): boolean {
  return checkLockHistory(history, OPTIONS).linearizable;
}

function withSighting(one: RecordedCall, change: (seen: Sighting) => Sighting): RecordedCall {
  const { answer } = one;
  return answer?.kind === "lock" ? { ...one, answer: { ...answer, lock: change(answer.lock) } } : one;
}

/** Answers that do not tell who holds the lock: only what each client knows of its own lease is left to judge by. */
function withoutHolders(history: readonly RecordedCall[]): RecordedCall[] {
  return history.map((one) => withSighting(one, ({ holders: _, ...seen }) => seen));
}

/** What a client may be sure of: it held the lock from `from` (told so) until `until` (asked for the end, or it lapsed). */
interface Hold {
  readonly seen: Sighting & { readonly token: number };
  readonly from: number;
  readonly until: number;
  /** Not granted before that: asked for and granted in one call. undefined: it may have waited. */
  readonly notBefore: number | undefined;
}

function holdsIn(history: readonly RecordedCall[]): Hold[] {
  return history.flatMap((one) => {
    const { call, answer, answered } = one;
    if (call.do !== "acquire" || answer?.kind !== "lock") return [];
    const { id, token, ends_at } = answer.lock;
    if (token === undefined || ends_at === undefined) return [];
    const changes = history.filter(
      (other) => "id" in other.call && other.call.id === id && ["release", "downgrade"].includes(other.call.do),
    );
    const until = Math.min(ends_at, ...changes.map(({ invoked }) => invoked));
    const { reentrant, upgrading } = answer.lock;
    const waited = (call.wait_ms > 0 && call.hold_ms > 0) || reentrant || upgrading;
    const notBefore = waited ? undefined : one.invoked;
    return until - answered > 2 ? [{ seen: { ...answer.lock, token }, from: answered, until, notBefore }] : [];
  });
}

/** Somebody else is told, while the lease is surely held, that it has the lock too. All later tokens are one higher. */
function withIntruder(history: readonly RecordedCall[], { seen, from, until }: Hold): RecordedCall[] {
  const highest = Math.max(
    ...history.map(({ answer, answered }) =>
      answer?.kind === "lock" && answered < from + 1 ? (answer.lock.token ?? 0) : 0,
    ),
  );
  const mode = seen.mode === "exclusive" ? "shared" : "exclusive";
  const lied: LockAnswer = { kind: "lock", lock: { id: "lie", status: "held", mode, token: highest + 1 } };
  const by = { agent_id: "liar", session_id: "liar" };
  const call = { do: "acquire", by, mode, ttl_ms: 1, wait_ms: 0, hold_ms: 0 } as const;
  const later = history.map((one) =>
    withSighting(one, (other) =>
      other.token !== undefined && other.token > highest ? { ...other, token: other.token + 1 } : other,
    ),
  );
  const middle = (from + until) / 2;
  return [...later, { call, invoked: middle, answered: middle, answer: lied }];
}

const histories = turns({ minLength: 10, maxLength: 50 }).map(simulated);
const pick = fc.nat(1_000);

function picked<T>(choices: readonly T[], at: number): T {
  const choice = choices[at % Math.max(1, choices.length)];
  fc.pre(choice !== undefined);
  return choice;
}

describe("whatever a correct lock answers to calls that overlap at random", () => {
  it("is accepted", () => {
    fc.assert(
      fc.property(histories, (history) => {
        const verdict = checkLockHistory(history, OPTIONS);
        expect(verdict.linearizable, explained(verdict)).toBe(true);
      }),
      { numRuns: 300 },
    );
  });

  it("is accepted when the answers do not tell who holds the lock", () => {
    fc.assert(
      fc.property(histories, (history) => isAccepted(withoutHolders(history))),
      { numRuns: 100 },
    );
  });

  it("is rejected with a second holder in it, by that alone", () => {
    fc.assert(
      fc.property(histories, pick, (history, at) => {
        const hold = picked(holdsIn(history), at);
        expect(isAccepted(withIntruder(withoutHolders(history), hold))).toBe(false);
      }),
      { numRuns: 100 },
    );
  });

  it("is rejected when two grants, one surely after the other, change their tokens", () => {
    fc.assert(
      fc.property(histories, pick, (history, at) => {
        const holds = holdsIn(history);
        const second = picked(
          holds.filter(({ notBefore }) => notBefore !== undefined && holds.some(({ from }) => from < notBefore)),
          at,
        );
        const first = picked(
          holds.filter(({ from, seen }) => from < (second.notBefore ?? 0) && seen.token !== second.seen.token),
          at,
        );
        const swap = new Map([
          [first.seen.token, second.seen.token],
          [second.seen.token, first.seen.token],
        ]);
        const lie = history.map((each) =>
          withSighting(each, (seen) => ({ ...seen, token: seen.token && (swap.get(seen.token) ?? seen.token) })),
        );
        expect(isAccepted(lie)).toBe(false);
      }),
      { numRuns: 100 },
    );
  });

  it("is rejected when a release that was acknowledged is not in the history of what was asked", () => {
    fc.assert(
      fc.property(histories, pick, (history, at) => {
        // Somebody else was told that it alone holds the lock, surely before the released lease would have lapsed.
        const needed = history.filter(({ call, answer }) => {
          if (call.do !== "release" || answer?.kind !== "released") return false;
          const hold = holdsIn(history).find(({ seen }) => seen.id === call.id);
          const others = history.filter(
            (one) => "id" in one.call && one.call.id === call.id && one.call.do === "release",
          );
          return (
            hold !== undefined &&
            others.length === 1 &&
            history.some(
              ({ answer, answered }) =>
                answer?.kind === "lock" &&
                answer.lock.mode === "exclusive" &&
                (answer.lock.token ?? 0) > hold.seen.token &&
                answer.lock.id !== call.id &&
                answered < (hold.seen.ends_at ?? 0),
            )
          );
        });
        const release = picked(needed, at);
        expect(isAccepted(history.filter((one) => one !== release))).toBe(false);
      }),
      { numRuns: 40 },
    );
  });
});

describe("a history of 2,000 calls", () => {
  const commands = turns({ minLength: 2_100, maxLength: 2_100 }, { sets: false });
  const [long = []] = fc.sample(commands.map(simulated), { numRuns: 1, seed: 7 });

  it("is accepted in at most 5,000 configurations", () => {
    expect(long.length).toBeGreaterThan(2_000);
    expect(checkLockHistory(long, { ...OPTIONS, budget: 5_000 }).linearizable).toBe(true);
  });

  it("is rejected for a second holder near its end in at most 20,000", () => {
    const hold = holdsIn(long).at(-3);
    const history = hold === undefined ? [] : withIntruder(long, hold);
    expect(checkLockHistory(history, { ...OPTIONS, budget: 20_000 }).linearizable).toBe(false);
  });
});
