import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { Pace } from "./pace.ts";

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

it("work that comes alone is done at once", () => {
  const work = vi.fn();
  const pace = new Pace(50, work);
  pace.soon();
  expect(work).toHaveBeenCalledTimes(1);
  vi.advanceTimersByTime(50);
  pace.soon();
  expect(work).toHaveBeenCalledTimes(2);
});

it("what comes up within the gap is done once, at its end, and begins another gap", () => {
  const work = vi.fn();
  const pace = new Pace(50, work);
  for (let n = 0; n < 10; n += 1) pace.soon();
  vi.advanceTimersByTime(49);
  expect(work).toHaveBeenCalledTimes(1);
  vi.advanceTimersByTime(1);
  expect(work).toHaveBeenCalledTimes(2);
  pace.soon();
  vi.advanceTimersByTime(49);
  expect(work).toHaveBeenCalledTimes(2);
  vi.advanceTimersByTime(1);
  expect(work).toHaveBeenCalledTimes(3);
});

it("after the last of it nothing wakes the actor any more", () => {
  const pace = new Pace(50, () => {});
  pace.soon();
  pace.soon();
  vi.advanceTimersByTime(100);
  expect(vi.getTimerCount()).toBe(0);
});

it("what may not wait takes along what does", () => {
  const work = vi.fn();
  const pace = new Pace(50, work);
  pace.soon();
  pace.soon();
  pace.now();
  expect(work).toHaveBeenCalledTimes(2);
  vi.advanceTimersByTime(50);
  expect(work).toHaveBeenCalledTimes(2);
});
