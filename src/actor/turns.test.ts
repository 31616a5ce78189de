import { describe, expect, it } from "vitest";
import { Turns } from "./turns.ts";

describe("turns", () => {
  it("never overlap, and whoever waited still has a run of its own", async () => {
    const turns = new Turns();
    let inside = 0;
    let runs = 0;
    const run = async () => {
      inside += 1;
      runs += 1;
      expect(inside).toBe(1);
      await Promise.resolve();
      inside -= 1;
      return true;
    };
    expect(await Promise.all(Array.from({ length: 5 }, () => turns.take(run)))).toEqual(Array(5).fill(true));
    expect(runs).toBe(5);
    expect(turns.idle).toBe(true);
  });

  it("come to false, without a run, for those who waited for one that came to false", async () => {
    const turns = new Turns();
    let runs = 0;
    const run = async () => {
      runs += 1;
      return false;
    };
    expect(await Promise.all([turns.take(run), turns.take(run)])).toEqual([false, false]);
    expect(runs).toBe(1);
  });

  it("go on after a run that threw", async () => {
    const turns = new Turns();
    await expect(turns.take(async () => Promise.reject(new Error("broken")))).rejects.toThrow("broken");
    expect(turns.idle).toBe(true);
    expect(await turns.take(async () => true)).toBe(true);
  });

  it("are idle only when nobody runs or waits", async () => {
    const turns = new Turns();
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const first = turns.take(() => promise);
    const second = turns.take(async () => true);
    expect(turns.idle).toBe(false);
    resolve(true);
    await first;
    expect(turns.idle).toBe(false);
    await second;
    expect(turns.idle).toBe(true);
  });
});
