import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { atMost, within } from "./within.ts";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

it("is what the promise comes to, in time, and leaves no timer behind", async () => {
  expect(await within(Promise.resolve(7), 1_000)).toBe(7);
  await expect(within(Promise.reject(new Error("broken")), 1_000)).rejects.toThrow("broken");
  expect(vi.getTimerCount()).toBe(0);
});

it("rejects once the time is over, whatever comes later", async () => {
  let resolve: (value: number) => void = () => {};
  const late = within(new Promise<number>((done) => (resolve = done)), 1_000);
  const refused = expect(late).rejects.toThrow("no answer within 1000 ms");
  await vi.advanceTimersByTimeAsync(1_000);
  resolve(7);
  await refused;
});

it("waits for no longer than it was told to, and leaves the rest to itself", async () => {
  expect(await atMost(1_000, Promise.resolve(7))).toBe(7);
  await expect(atMost(1_000, Promise.reject(new Error("broken")))).rejects.toThrow("broken");
  expect(vi.getTimerCount()).toBe(0);
  const never = atMost(1_000, new Promise<number>(() => {}));
  await vi.advanceTimersByTimeAsync(1_000);
  expect(await never).toBeUndefined();
});
