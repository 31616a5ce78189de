import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { systemCaller } from "./caller.ts";
import type { Commit } from "./commit.ts";
import { INTAKE_GAP_MS, Intake } from "./intake.ts";
import type { EffectRow, Receipt } from "./outbox.ts";

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

const caller = systemCaller("w", "test", "r-1");

/** A receiver whose commits stand or fall as a whole. Effects are texts: `~…` may wait, `!…` is refused. */
class Receiver {
  marks = new Map<string, number>();
  /** What each commit applied, in order. */
  readonly commits: string[][] = [];
  readonly intake = new Intake({
    commit: (_, work) => this.#commit(work),
    receive: (_tx, _caller, _source, body) => {
      this.#open.push(String(body));
      if (String(body).includes("!")) throw new Error(`${body} is refused`);
    },
    mayWait: (body) => String(body).startsWith("~"),
    markOf: (source) => this.marks.get(source) ?? 0,
    keepMarksFor: 1_000,
  });
  #open: string[] = [];

  #commit(work: (tx: Commit) => void): void {
    this.#open = [];
    const marks = new Map(this.marks);
    const store = {
      dropMarksBefore: () => {},
      saveMark: (source: string, n: number) => marks.set(source, n),
    };
    work({ now: 0, store, actFor: () => {} } as unknown as Commit);
    this.marks = marks;
    this.commits.push(this.#open);
  }

  /** Rows of a source, the first of them number `from`. */
  take(source: string, from: number, ...bodies: string[]): Promise<Receipt> {
    const rows = bodies.map((body, n): EffectRow => ({ n: from + n, message: JSON.stringify({ caller, body }) }));
    return this.intake.take(source, rows);
  }
}

/** One that has just taken something in: what may wait does so from here on. */
async function busyReceiver(): Promise<Receiver> {
  const receiver = new Receiver();
  expect(await receiver.take("task:busy", 1, "~first")).toEqual({ acked: 1 });
  expect(receiver.commits.splice(0)).toEqual([["~first"]]);
  return receiver;
}

describe("effects that arrive", () => {
  it("are applied at once if they come alone, whether or not they may wait", async () => {
    const receiver = await busyReceiver();
    await vi.advanceTimersByTimeAsync(INTAKE_GAP_MS);
    expect(await receiver.take("task:a", 1, "~1")).toEqual({ acked: 1 });
    expect(receiver.commits).toEqual([["~1"]]);
  });

  it("are applied at once if they may not wait, each in a commit of its own", async () => {
    const receiver = new Receiver();
    expect(await receiver.take("task:a", 1, "one", "two")).toEqual({ acked: 2 });
    expect(receiver.commits).toEqual([["one"], ["two"]]);
  });

  it("that may wait share one commit, and none is acknowledged before it", async () => {
    const receiver = await busyReceiver();
    const receipts = [receiver.take("task:a", 1, "~1", "~2"), receiver.take("task:b", 7, "~7")];
    const answered = vi.fn();
    for (const receipt of receipts) void receipt.then(answered);
    await vi.advanceTimersByTimeAsync(INTAKE_GAP_MS - 1);
    expect(answered).not.toHaveBeenCalled();
    expect(receiver.commits).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    expect(await Promise.all(receipts)).toEqual([{ acked: 2 }, { acked: 7 }]);
    expect(receiver.commits).toEqual([["~1", "~2", "~7"]]);
  });

  it("go along with the next that may not wait, in the order in which they came", async () => {
    const receiver = await busyReceiver();
    const waiting = receiver.take("task:a", 1, "~1");
    expect(await receiver.take("task:b", 1, "now", "~later")).toEqual({ acked: 2 });
    expect(await waiting).toEqual({ acked: 1 });
    expect(receiver.commits).toEqual([["~1", "now"], ["~later"]]);
  });

  it("are applied at once for whoever reads", async () => {
    const receiver = await busyReceiver();
    const waiting = receiver.take("task:a", 1, "~1");
    receiver.intake.flush();
    expect(receiver.commits).toEqual([["~1"]]);
    expect(await waiting).toEqual({ acked: 1 });
  });

  it("are applied once, though their source sends them again while they wait", async () => {
    const receiver = await busyReceiver();
    const [first, again] = [receiver.take("task:a", 1, "~1"), receiver.take("task:a", 1, "~1", "2")];
    expect(await Promise.all([first, again])).toEqual([{ acked: 2 }, { acked: 2 }]);
    expect(receiver.commits).toEqual([["~1", "2"]]);
    expect(await receiver.take("task:a", 1, "~1", "2")).toEqual({ acked: 2 });
    expect(receiver.commits).toHaveLength(1);
  });

  it("that are refused hold up what comes after them of their source, and nothing of another", async () => {
    const receiver = await busyReceiver();
    const receipts = [
      receiver.take("task:a", 1, "~1", "~!2", "~3"),
      receiver.take("task:b", 1, "~b"),
      receiver.take("task:c", 1, "c"),
    ];
    expect(await Promise.all(receipts)).toEqual([
      { acked: 1, failed: expect.stringContaining("~!2 is refused") },
      { acked: 1 },
      { acked: 1 },
    ]);
    expect(receiver.commits.flat().sort()).toEqual(["c", "~1", "~b"]);
  });

  it("come once and in order per source, however they are sent, waited for and refused (property)", async () => {
    const body = fc.constantFrom("now", "~soon", "!bad", "~!bad");
    const call = fc.record({
      source: fc.constantFrom("task:a", "task:b"),
      // How far back it begins: what was sent before may come again.
      back: fc.nat(3),
      bodies: fc.array(body, { minLength: 1, maxLength: 4 }),
      pause: fc.constantFrom(0, 0, INTAKE_GAP_MS),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(call, { maxLength: 12 }), async (calls) => {
        const receiver = new Receiver();
        const sent = new Map<string, string[]>();
        const receipts: Promise<Receipt>[] = [];
        for (const { source, back, bodies, pause } of calls) {
          const all = sent.get(source) ?? [];
          const from = Math.max(0, (receiver.marks.get(source) ?? 0) - back);
          all.push(...bodies.map((text, n) => `${text} ${source} ${all.length + n + 1}`));
          sent.set(source, all);
          receipts.push(receiver.take(source, from + 1, ...all.slice(from)));
          await vi.advanceTimersByTimeAsync(pause);
        }
        await vi.advanceTimersByTimeAsync(INTAKE_GAP_MS);
        await Promise.all(receipts);
        const applied = receiver.commits.flat();
        for (const [source, all] of sent) {
          const refused = all.findIndex((text) => text.includes("!"));
          const expected = refused < 0 ? all : all.slice(0, refused);
          expect(applied.filter((text) => text.includes(source))).toEqual(expected);
          expect(receiver.marks.get(source) ?? 0).toBe(expected.length);
        }
      }),
      { numRuns: 100 },
    );
  });
});
