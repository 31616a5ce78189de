import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Alarm } from "./alarm.ts";

const NOW = Date.parse("2026-11-21T12:00:00.000Z");

beforeEach(() => void vi.useFakeTimers({ toFake: ["Date"], now: NOW }));
afterEach(() => void vi.useRealTimers());

/** Lets an alarm ring as a platform does whose clock is `ahead` of the actor's; how often it rang until the timer's time had come. */
async function ringsUntilDue(aheadMs: number, dueInMs: number): Promise<number> {
  let set: number | null = null;
  const alarm = new Alarm({
    getAlarm: async () => set,
    setAlarm: async (at) => {
      set = Number(at);
    },
  });
  alarm.load([{ name: "one", due_at: NOW + dueInMs, attempts: 0 }]);
  alarm.arm(NOW);
  for (let rings = 1; ; rings += 1) {
    if (set === null || rings > 100) throw new Error(`after ${rings} rings the alarm is set to ${set}`);
    // A ring and what it does take a millisecond.
    vi.setSystemTime(Math.max(Date.now() + 1, set - aheadMs));
    const rangFor = set;
    set = null;
    let isDue = false;
    await alarm.handle(
      Date.now(),
      rangFor,
      () => false,
      async ({ name }) => {
        isDue = true;
        alarm.timers.delete(name);
      },
    );
    if (isDue) return rings;
  }
}

describe("an alarm", () => {
  it.each([
    ["with the actor's", 0, 1],
    ["ahead of the actor's", 1_500, 3],
    ["behind the actor's", -1_500, 1],
  ])("of a platform whose clock is %s rings no more than that calls for", async (_, aheadMs, most) => {
    for (const dueInMs of [1, 1_000, 60_000]) expect(await ringsUntilDue(aheadMs, dueInMs)).toBeLessThanOrEqual(most);
  });
});
