import { env } from "cloudflare:workers";
import fc from "fast-check";
import { expect, it } from "vitest";
import { totals } from "../../test/support/database.ts";
import type { ChainedEntry } from "../actor/journal.ts";
import { chain } from "../audit/chain.fixture.ts";
import { retireRows } from "../audit/retire-rows.ts";
import { type Flush, flushStatements } from "./flush.ts";
import type { ReadModelChange } from "./read-model.ts";

const AT = "2026-11-20T00:00:00.000Z";
const id = fc.constantFrom("a", "b", "c");

/** A change of a row, with the value that is counted: what else stands in it plays no part. */
function changeOf(table: "tasks" | "approvals" | "locks" | "executions", value: string | null) {
  const column = { tasks: "state", approvals: "status", locks: "status", executions: "result" }[table];
  const times = { created_at: AT, updated_at: AT, since: AT, started_at: AT };
  const names = { type: "a.b", author_id: "ann", agent_id: "robo", session_id: "robo", reviewer_id: "bob" };
  const lock = { resource_type: "resource", resource_id: "x", mode: "exclusive" };
  const common = { ...times, ...names, ...lock, revision: 1, priority: 50, tags: [], resources: [], body: {} };
  return (key: string): ReadModelChange =>
    ({
      table,
      id: key,
      row: value === "gone" ? null : { ...common, id: key, task_id: key, attempt: 1, [column]: value },
    }) as unknown as ReadModelChange;
}

const change = fc
  .oneof(
    fc.tuple(fc.constant("tasks" as const), fc.constantFrom("DRAFT", "REVIEWING", "COMPLETED", "gone")),
    fc.tuple(fc.constant("approvals" as const), fc.constantFrom("PENDING", "APPROVED", "gone")),
    fc.tuple(fc.constant("locks" as const), fc.constantFrom("held", "queued", "gone")),
    fc.tuple(fc.constant("executions" as const), fc.constantFrom(null, "success", "failure", "gone")),
  )
  .chain(([table, value]) => id.map(changeOf(table, value)));

/** What comes to D1 one after another: flushes, each perhaps sent again later, and rows that are retired. */
const arrival = fc.oneof(
  { weight: 5, arbitrary: fc.record({ changes: fc.array(change, { maxLength: 6 }), entries: fc.nat(3) }) },
  { weight: 2, arbitrary: fc.record({ again: fc.nat(9) }) },
  { weight: 1, arbitrary: fc.record({ retire: fc.nat(12) }) },
);

it("totals are what somebody who counts finds, after any rows came, changed, went, came twice and were retired", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(arrival, { minLength: 1, maxLength: 12 }), async (arrivals) => {
      const workspace = `totals-${crypto.randomUUID()}`;
      const entries: ChainedEntry[] = chain(workspace, "task:t", [...Array(40).keys()].slice(1), (seq) => ({
        action: seq % 3 === 0 ? "task.created" : "task.completed",
      }));
      const sent: Flush[] = [];
      const send = async (flush: Flush) => {
        const statements = flushStatements(env.DB, workspace, flush);
        if (statements.length > 0) await env.DB.batch(statements);
      };
      let written = 0;
      for (const one of arrivals) {
        if ("retire" in one) await retireRows(env.DB, workspace, [{ source: "task:t", seq: one.retire }]);
        else if ("again" in one)
          await send(sent[one.again % sent.length] ?? { entries: [], changes: [], configuration: [] });
        else {
          const flush = { ...one, entries: entries.slice(written, written + one.entries), configuration: [] };
          written += one.entries;
          sent.push(flush);
          await send(flush);
        }
        const { kept, counted } = await totals(workspace);
        expect(kept).toEqual(counted);
      }
    }),
    { numRuns: 25 },
  );
});
