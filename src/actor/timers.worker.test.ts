import { abortAllDurableObjects, evictDurableObject, runDurableObjectAlarm } from "cloudflare:test";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { freshKey, type ProbeActor, stubOf, within } from "../../test/support/probe-actor.ts";

const HOUR = 60 * 60 * 1000;
/** Far enough ahead that no alarm rings by itself while a test runs. */
const START = 4_000_000_000_000;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"], now: START });
});

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

function set(probe: ProbeActor, timers: Record<string, number | undefined>): void {
  probe.run((tx) => {
    for (const [name, dueAt] of Object.entries(timers)) tx.timer(name, dueAt);
  });
}

function ring(key: string): Promise<boolean> {
  return runDurableObjectAlarm(stubOf(key));
}

describe("timers", () => {
  it("share one alarm: each rings when it is due, in order, and the alarm follows the earliest", async () => {
    const key = freshKey();
    await within(key, async (probe, state) => {
      set(probe, { c: START + 3 * HOUR, a: START + HOUR, b: START + 2 * HOUR });
      expect(await state.storage.getAlarm()).toBe(START + HOUR);
    });
    vi.setSystemTime(START + 2 * HOUR);
    await ring(key);
    await within(key, async (probe, state) => {
      expect(probe.rung).toEqual(["a", "b"]);
      expect(await state.storage.getAlarm()).toBe(START + 3 * HOUR);
    });
  });

  it("that move later leave the alarm alone, those that move sooner set it", async () => {
    await within(freshKey(), (probe, state) => {
      const setAlarm = vi.spyOn(state.storage, "setAlarm");
      set(probe, { heartbeat: START + HOUR });
      expect(setAlarm).toHaveBeenCalledTimes(1);
      for (let beat = 1; beat <= 50; beat += 1) set(probe, { heartbeat: START + HOUR + beat });
      set(probe, { later: START + 2 * HOUR, heartbeat: undefined });
      expect(setAlarm).toHaveBeenCalledTimes(1);
      set(probe, { sooner: START + HOUR - 1 });
      expect(setAlarm).toHaveBeenCalledTimes(2);
      expect(setAlarm).toHaveBeenLastCalledWith(START + HOUR - 1);
    });
  });

  it("find nothing due when the alarm rings early, and wait on", async () => {
    const key = freshKey();
    await within(key, (probe) => set(probe, { heartbeat: START + HOUR }));
    await within(key, (probe) => set(probe, { heartbeat: START + 2 * HOUR }));
    vi.setSystemTime(START + HOUR);
    await ring(key);
    await within(key, async (probe, state) => {
      expect(probe.rung).toEqual([]);
      expect(await state.storage.getAlarm()).toBe(START + 2 * HOUR);
    });
  });

  it("that ring late are handled late, once", async () => {
    const key = freshKey();
    await within(key, (probe) => set(probe, { due: START + HOUR }));
    vi.setSystemTime(START + 100 * HOUR);
    await ring(key);
    await within(key, async (probe) => {
      expect(probe.rung).toEqual(["due"]);
      await probe.alarm();
      expect(probe.rung).toEqual(["due"]);
      expect(probe.rows("SELECT * FROM timers")).toEqual([]);
    });
  });

  it("are not rung again by an alarm that runs twice at the same time", async () => {
    await within(freshKey(), async (probe) => {
      set(probe, { due: START + HOUR });
      vi.setSystemTime(START + HOUR);
      await probe.alarm();
      await probe.alarm();
      expect(probe.rung).toEqual(["due"]);
    });
  });

  it("cleared by one that rang just before do not ring", async () => {
    await within(freshKey(), async (probe) => {
      set(probe, { first: START + 1, second: START + 2, third: START + 3 });
      probe.whenRung = (name) => {
        if (name === "first") set(probe, { second: undefined, third: START + HOUR });
      };
      vi.setSystemTime(START + 10);
      await probe.alarm();
      expect(probe.rung).toEqual(["first"]);
    });
  });

  it("moved by their own handler are kept", async () => {
    await within(freshKey(), async (probe, state) => {
      set(probe, { again: START + 1 });
      probe.whenRung = (name, now) => set(probe, { [name]: now + HOUR });
      vi.setSystemTime(START + 10);
      await probe.alarm();
      expect(probe.rows("SELECT name, due_at FROM timers")).toEqual([{ name: "again", due_at: START + 10 + HOUR }]);
      expect(await state.storage.getAlarm()).toBe(START + 10 + HOUR);
    });
  });

  it("asked for while they ring are kept, though the one that rings is earlier", async () => {
    await within(freshKey(), async (probe) => {
      set(probe, { sweep: START + 1 });
      probe.whenRung = (name, now) => {
        probe.run((tx) => tx.timerBy(name, now + 5_000));
        probe.run((tx) => tx.timerBy(name, now + 9_000));
      };
      vi.setSystemTime(START + 10);
      await probe.alarm();
      expect(probe.rows("SELECT name, due_at FROM timers")).toEqual([{ name: "sweep", due_at: START + 5_010 }]);
    });
  });

  it("whose handler outlives a failed commit of somebody else are still done with", async () => {
    await within(freshKey(), async (probe) => {
      set(probe, { due: START + 1 });
      probe.whenRung = () => {
        expect(() =>
          probe.run(() => {
            throw new Error("a bug elsewhere");
          }),
        ).toThrow();
      };
      vi.setSystemTime(START + 10);
      await probe.alarm();
      expect(probe.rows("SELECT * FROM timers")).toEqual([]);
    });
  });
});

describe("a timer whose handler throws", () => {
  it("is tried again with growing backoff, and stops no other", async () => {
    vi.spyOn(Math, "random").mockReturnValue(0);
    const reported = vi.spyOn(console, "error").mockImplementation(() => {});
    await within(freshKey(), async (probe, state) => {
      probe.refuses.add("bad");
      set(probe, { bad: START + 1, good: START + 2 });
      vi.setSystemTime(START + 10);
      const waits: number[] = [];
      for (let attempt = 1; attempt <= 9; attempt += 1) {
        await probe.alarm();
        const alarm = (await state.storage.getAlarm()) ?? 0;
        waits.push(alarm - Date.now());
        expect(probe.rows("SELECT name, attempts FROM timers")).toEqual([{ name: "bad", attempts: attempt }]);
        vi.setSystemTime(alarm);
      }
      expect(waits).toEqual([250, 500, 1_000, 2_000, 4_000, 8_000, 15_000, 15_000, 15_000]);
      expect(probe.rung.filter((name) => name === "good")).toHaveLength(1);
      expect(reported).toHaveBeenCalledTimes(1);
      probe.refuses.clear();
      await probe.alarm();
      expect(probe.rows("SELECT * FROM timers")).toEqual([]);
    });
  });

  it("keeps its count of attempts over an eviction", async () => {
    vi.spyOn(console, "error").mockImplementation(() => {});
    const key = freshKey();
    await within(key, async (probe) => {
      probe.refuses.add("bad");
      set(probe, { bad: START + 1 });
      vi.setSystemTime(START + 10);
      await probe.alarm();
    });
    await evictDurableObject(stubOf(key));
    vi.setSystemTime(START + HOUR);
    await within(key, async (probe) => {
      probe.refuses.add("bad");
      await probe.alarm();
      expect(probe.rows("SELECT attempts FROM timers")).toEqual([{ attempts: 2 }]);
    });
  });
});

describe("an alarm that was lost", () => {
  it("is set again when the actor wakes", async () => {
    const key = freshKey();
    await within(key, async (probe, state) => {
      set(probe, { due: START + HOUR });
      await state.storage.deleteAlarm();
    });
    await evictDurableObject(stubOf(key));
    await within(key, async (_, state) => {
      expect(await state.storage.getAlarm()).toBe(START + HOUR);
    });
  });

  it("is set again when it stands unfired in the past", async () => {
    const key = freshKey();
    await within(key, (probe) => set(probe, { due: START + HOUR }));
    vi.setSystemTime(START + 2 * HOUR);
    await abortAllDurableObjects();
    await within(key, async (_, state) => {
      expect(await state.storage.getAlarm()).toBe(START + 2 * HOUR + 1);
    });
  });

  it("is set again by a commit when it is long overdue, though the actor never slept", async () => {
    await within(freshKey(), async (probe, state) => {
      set(probe, { due: START + HOUR });
      vi.setSystemTime(START + 2 * HOUR);
      probe.run(() => {});
      expect(await state.storage.getAlarm()).toBe(START + 2 * HOUR + 1);
    });
  });
});

it("an alarm whose process is killed in its handler rings again", async () => {
  vi.useRealTimers();
  const key = freshKey();
  const hanging = within(key, async (probe) => {
    probe.run((tx) => tx.timer("due", Date.now() + 20));
    await new Promise<void>((rung) => {
      probe.whenRung = () => {
        // Another timer, set by a commit in the handler, must not replace the alarm that is being handled.
        probe.run((tx) => tx.timer("later", Date.now() + HOUR));
        rung();
        return new Promise(() => {});
      };
    });
  });
  await hanging;
  await abortAllDurableObjects();
  await vi.waitFor(() => within(key, (probe) => expect(probe.rung).toEqual(["due"])), { timeout: 8_000, interval: 50 });
});

it("an alarm rings by itself, and wakes an actor that was evicted", async () => {
  vi.useRealTimers();
  const key = freshKey();
  await within(key, (probe) => {
    probe.run((tx) => tx.timer("due", Date.now() + 150));
  });
  await evictDurableObject(stubOf(key));
  await vi.waitFor(() => within(key, (probe) => expect(probe.rung).toEqual(["due"])), { timeout: 5_000, interval: 50 });
});
