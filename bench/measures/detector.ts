/** What a wait costs the deadlock detector, without a server around it. */
import { quantile } from "../statistics.ts";
import { costs } from "../wait-costs.ts";
import { LOCKS, SHAPES, WAITERS } from "../wait-shapes.ts";
import type { Measure } from "./measure.ts";

const TARGET_US = 100;

export const detector: Measure = async ({ rounds }) => {
  const shapes = SHAPES.map(({ name, run }) => ({ name, ...costs(run, Math.max(5, rounds)) }));
  const rows = shapes.map(({ name, all, quiet }) => {
    const [p50, p99] = [quantile(all, 0.5), quantile(all, 0.99)];
    const closing = quiet.length === all.length ? "" : `; of those that close no deadlock ${us(quantile(quiet, 0.99))}`;
    return {
      measure: `detector CPU per wait, ${LOCKS} locks, ${WAITERS} waiters; ${name}`,
      target: `p99 < ${TARGET_US} µs`,
      result: `p50 ${us(p50)}, p99 ${us(p99)}${closing}`,
      met: p99 < TARGET_US,
    };
  });
  // Each wait would be a megabyte of figures.
  const data = shapes.map(({ name, all, quiet }) => ({ name, all: percentiles(all), quiet: percentiles(quiet) }));
  return { rows, data };
};

/** The first to the hundredth (µs). */
function percentiles(costs: readonly number[]): number[] {
  return Array.from({ length: 100 }, (_, n) => quantile(costs, (n + 1) / 100));
}

function us(value: number): string {
  return `${value.toFixed(1)} µs`;
}
