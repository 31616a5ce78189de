import { createExecutionContext } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, it } from "vitest";
import worker from "../src/worker.ts";
import { freshWorkspace, inWorkspace } from "./support/trail.ts";

beforeAll(freshWorkspace);

const TIME = "2026-01-01T00:00:00Z";

/** Statements that a list asks D1 for, each with what is bound in it. */
type Asked = readonly { readonly sql: string; readonly binds: readonly unknown[] }[];

/** What a list asks D1 on the way to its answer. */
async function askedBy(path: string): Promise<Asked> {
  const asked: { sql: string; binds: readonly unknown[] }[] = [];
  const watched = new Proxy(env.DB, {
    get(db, name) {
      if (name !== "prepare") return Reflect.get(db, name).bind(db);
      return (sql: string) =>
        new Proxy(db.prepare(sql), {
          get: (statement, member) =>
            member !== "bind"
              ? Reflect.get(statement, member).bind(statement)
              : (...binds: unknown[]) => {
                  asked.push({ sql, binds });
                  return statement.bind(...binds);
                },
        });
    },
  });
  const headers = { Authorization: `Bearer ${env.ROOT_TOKEN}`, ...inWorkspace() };
  const request = new Request(`https://countersign.test/api/v1${path}`, { headers });
  const response = await worker.fetch(request, { ...env, DB: watched }, createExecutionContext());
  expect(response.status, await response.text()).toBe(200);
  return asked.filter(({ sql }) => /FROM (tasks|locks|audit_log|totals)/.test(sql));
}

/** Steps of SQLite's plans for what a list asks. Without statistics they depend on the schema alone, not on how many rows there are. */
async function plansOf(path: string): Promise<string[]> {
  const asked = await askedBy(path);
  expect(asked.length, "a page and its total").toBe(2);
  const plans = await env.DB.batch<{ detail: string }>(
    asked.map(({ sql, binds }) => env.DB.prepare(`EXPLAIN QUERY PLAN ${sql}`).bind(...binds)),
  );
  return plans.flatMap(({ results }) => results.map(({ detail }) => detail));
}

/** A table read from end to end, or rows that are all gathered before the first can be shown. */
const slow = (step: string) => (step.startsWith("SCAN") && !step.includes("json_each")) || step.includes("TEMP B-TREE");

describe("what a page of a list costs does not grow with the rows that it does not show", () => {
  it.each([
    ["/tasks", "tasks_created"],
    ["/tasks?sort_order=asc", "tasks_created"],
    ["/tasks?sort_by=updated_at", "tasks_updated"],
    ["/tasks?sort_by=risk_score", "tasks_risk"],
    ["/tasks?state=REVIEWING", "tasks_state"],
    ["/tasks?author_id=alice", "tasks_author"],
    ["/tasks?type=config.change", "tasks_type"],
    ["/tasks?risk_level=HIGH", "tasks_risk_level"],
    [`/tasks?created_after=${TIME}`, "tasks_created"],
    [`/tasks?created_before=${TIME}`, "tasks_created"],
    ["/audit", "audit_workspace"],
    ["/audit?sort_order=asc", "audit_workspace"],
    ["/audit?subject_type=task", "audit_workspace"],
    ["/audit?subject_id=x", "audit_subject"],
    ["/audit?subject_type=task&subject_id=x", "audit_subject"],
    ["/audit?task_id=0198a1b2-c3d4-8e5f-9a6b-7c8d9e0f1a2b", "audit_task"],
    ["/audit?who=alice", "audit_who"],
    ["/audit?action=task.completed", "audit_action"],
    ["/audit?request_id=6f2b1f6e-6a34-4c56-9a53-d3c1b0f3f2a1", "audit_request"],
    ["/locks", "locks_since"],
    ["/locks?resource_type=task", "locks_since"],
    ["/locks?resource_id=prod/orders", "locks_resource"],
    ["/locks?resource_type=resource&resource_id=prod/orders", "locks_resource"],
  ])("GET %s finds its rows in their order, by %s", async (path, index) => {
    const steps = await plansOf(path);
    expect(steps.filter(slow)).toEqual([]);
    expect(steps.find((step) => step.includes(" INDEX "))).toContain(`INDEX ${index} (`);
  });

  it.each(["/tasks?type=config.change", "/tasks?risk_level=HIGH", "/tasks?author_id=alice"])(
    "GET %s counts without reading rows",
    async (path) => {
      const [, count] = await askedBy(path);
      const plan = env.DB.prepare(`EXPLAIN QUERY PLAN ${count?.sql}`).bind(...(count?.binds ?? []));
      expect((await plan.all<{ detail: string }>()).results[0]?.detail).toContain("USING COVERING INDEX");
    },
  );

  it.each([
    "/tasks",
    "/tasks?sort_by=risk_score",
    "/tasks?state=DRAFT,REVIEWING",
    "/locks",
    "/audit",
    "/audit?action=task.completed",
  ])("GET %s counts nothing: its total is kept", async (path) => {
    const [, total] = await askedBy(path);
    const plan = env.DB.prepare(`EXPLAIN QUERY PLAN ${total?.sql}`).bind(...(total?.binds ?? []));
    expect((await plan.all<{ detail: string }>()).results[0]?.detail).toMatch(
      /^SEARCH totals USING .*\(workspace=\? AND list=\?/,
    );
  });

  it.each(["/tasks?resource_id=orders", "/tasks?needs_my_approval=true"])(
    "GET %s looks at the tasks that may be meant, not at all in their order",
    async (path) => {
      const steps = await plansOf(path);
      expect(steps.filter((step) => /^SEARCH tasks /.test(step)).every((step) => step.includes("AND id=?"))).toBe(true);
    },
  );

  it.each(["/audit?action=lock.*", `/audit?from=${TIME}`, `/audit?to=${TIME}`])(
    "GET %s sorts entries of an index, and reads whole rows only of its page",
    async (path) => {
      const steps = await plansOf(path);
      expect(steps[0]).toContain("INTEGER PRIMARY KEY");
      expect(steps.slice(1).every((step) => !step.startsWith("SEARCH") || step.includes("COVERING INDEX"))).toBe(true);
    },
  );
});
