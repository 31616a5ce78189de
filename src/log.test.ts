import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { logSoon } from "./log.ts";

/** Ends the waits that were begun, oldest first. */
let waits: (() => void)[] = [];
let written: string[] = [];

beforeEach(() => {
  [waits, written] = [[], []];
  vi.stubGlobal("scheduler", { wait: () => new Promise<void>((resolve) => waits.push(resolve)) });
  vi.spyOn(console, "log").mockImplementation((line: string) => void written.push(line));
  vi.useFakeTimers({ toFake: ["Date"] });
});

afterEach(() => {
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
  vi.useRealTimers();
});

it("writes the lines of requests that come together together, each by itself and in order, and then waits anew", async () => {
  const writing = logSoon("info", "request", { n: 1 });
  expect(logSoon("info", "request", { n: 2 })).toBeUndefined();
  expect(written).toEqual([]);
  waits.shift()?.();
  await writing;
  expect(written.map((line) => JSON.parse(line).n)).toEqual([1, 2]);
  const next = logSoon("info", "request", { n: 3 });
  waits.shift()?.();
  await next;
  expect(written.map((line) => JSON.parse(line).n)).toEqual([1, 2, 3]);
});

it("loses no line when the request that promised to write them came to its end", async () => {
  expect(logSoon("info", "request", { n: 1 })).toBeDefined();
  vi.setSystemTime(Date.now() + 1_000);
  const writing = logSoon("info", "request", { n: 2 });
  waits.pop()?.();
  await writing;
  expect(written.map((line) => JSON.parse(line).n)).toEqual([1, 2]);
});
