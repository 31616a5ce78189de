/** Full tasks a minute, nothing lost, and how soon after the end the trail is complete. */
import type { Connection } from "../connection.ts";
import { BASE } from "../contestants/countersign.ts";
import { closedLoop } from "../load.ts";
import { quantile } from "../statistics.ts";
import type { Measure } from "./measure.ts";
import { fullTask, type People } from "./task-life.ts";

const DRIVERS = 16;
/** Seconds of load: the table asks for a minute. */
const MINUTE = 60;
/** Rows that a full task leaves in its own chain at least: created, submitted, reviewing, requested, approved twice, applying, completed. */
const ROWS = 8;

export const fullTasks: Measure = async ({ countersign }) => {
  const { tokens } = countersign;
  const people: People[] = Array.from({ length: DRIVERS }, () => ({
    author: countersign.as(tokens.author),
    reviewer: countersign.as(tokens.reviewer),
    agent: countersign.as(tokens.agent),
  }));
  const ids: string[] = [];
  const load = await closedLoop(DRIVERS, MINUTE, async (driver) => {
    const who = people[driver];
    if (who !== undefined) ids.push(await fullTask(who, `of-${driver}`));
  });
  const ended = performance.now();
  const root = countersign.as(tokens.root);
  await complete(root, ids);
  const lag = (performance.now() - ended) / 1_000;
  const lost = await missing(root, ids);
  for (const one of [root, ...people.flatMap(({ author, reviewer, agent }) => [author, reviewer, agent])]) one.close();
  const perMinute = load.perSecond * 60;
  return {
    rows: [
      {
        measure: `full tasks a minute, ${DRIVERS} drivers for ${MINUTE} s`,
        target: "≥ 1,000 sustained; ≥ 5,000 for a minute",
        result: `${perMinute.toFixed(0)}/min; p50 ${quantile(load.latencies, 0.5).toFixed(0)} ms a task`,
        met: perMinute >= 5_000,
      },
      {
        measure: "the trail is complete after the last task, nothing lost",
        target: "≤ 10 s, 0 lost",
        result: `${lag.toFixed(1)} s, ${lost} of ${ids.length} lost`,
        met: lag <= 10 && lost === 0,
      },
    ],
    data: { perMinute, lag, lost, latencies: load.latencies },
  };
};

/** Looks until D1 has the last entry of the tasks that ended last, and the ledger owes nothing. */
async function complete(root: Connection, ids: readonly string[]): Promise<void> {
  for (;;) {
    const { audit } = await root.expect<{ audit: { unshipped?: number } }>(200, "GET", `${BASE}/stats`);
    const last = await Promise.all(ids.slice(-50).map((id) => completedRow(root, id)));
    if ((audit.unshipped ?? 0) === 0 && last.every(Boolean)) return;
  }
}

async function completedRow(root: Connection, id: string): Promise<boolean> {
  const query = `subject_type=task&subject_id=${id}&action=task.completed`;
  const { entries } = await root.expect<{ entries: unknown[] }>(200, "GET", `${BASE}/audit?${query}`);
  return entries.length === 1;
}

/** How many of the tasks lack their end, or a valid chain, in D1. */
async function missing(root: Connection, ids: readonly string[]): Promise<number> {
  let lost = 0;
  for (const id of ids) {
    const { valid, checked } = await root.expect<{ valid: boolean; checked: number }>(
      200,
      "GET",
      `${BASE}/audit/verify?subject=task:${id}`,
    );
    if (!valid || checked < ROWS) lost += 1;
  }
  return lost;
}
