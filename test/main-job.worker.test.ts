import { expect, it } from "vitest";
import type { AuditRow } from "../src/audit/contract.ts";
import type { Lock } from "../src/locks/contract.ts";
import type { Task } from "../src/tasks/task-contract.ts";
import { approve, type Claimed, eventually, ORDERS, ok, orders, refusal, Stage, WEB, web } from "./support/stage.ts";

it("the main job: drafted, previewed, countersigned, applied under locks, released, and provable", async () => {
  const stage = new Stage();
  const { alice, bob, carol, robo } = await stage.cast();
  const other = await stage.agent("other");

  const draft = await stage.draft(alice, {
    type: "database.migrate",
    resources: [orders, web],
    parameters: { [ORDERS]: { schema: 42 }, [WEB]: { checkout: "new" } },
  });
  expect(draft).toMatchObject({
    state: "DRAFT",
    revision: 1,
    risk: { level: "HIGH" },
    preview: { valid: true, changes: [{ before: {}, after: { schema: 42 } }, { after: { checkout: "new" } }] },
  });

  const submitted = ok<Task>(await alice.post(`/tasks/${draft.id}/submit`), 202);
  expect(submitted).toMatchObject({ state: "REVIEWING", required_approvals: 2, current_approvals: 0 });
  expect(submitted.approval_requests.map(({ reviewer_id, status }) => [reviewer_id, status])).toEqual([
    ["bob", "PENDING"],
    ["carol", "PENDING"],
  ]);
  expect(refusal(await robo.post(`/tasks/${draft.id}/apply`))).toEqual([409, "INVALID_STATE"]);
  expect((await approve(bob, submitted)).body).toMatchObject({ task_state: "REVIEWING" });
  expect((await approve(carol, submitted)).body).toMatchObject({ task_state: "APPROVED" });

  const claimed = await eventually(async () => ok<Claimed>(await robo.post("/tasks/claim")));
  expect(claimed.task).toMatchObject({ id: draft.id, state: "APPLYING", execution: { attempt: 1, agent_id: "robo" } });
  expect(claimed.leases.map(({ resource_type, resource_id, mode }) => [resource_type, resource_id, mode])).toEqual([
    ["agent", "robo", "exclusive"],
    ["task", draft.id, "exclusive"],
    ["resource", ORDERS, "exclusive"],
    ["resource", WEB, "exclusive"],
  ]);
  expect(claimed.leases.every(({ fencing_token }) => fencing_token >= 1)).toBe(true);

  const wanted = { resource_type: "resource", resource_id: ORDERS, wait_for_available: false };
  const tried = await other.post("/locks/acquire", wanted);
  expect(refusal(tried)).toEqual([423, "RESOURCE_LOCKED"]);
  expect(tried.body).toMatchObject({ error: { details: { holder: { agent_id: "robo" } } } });
  const beat = await robo.post(`/tasks/${draft.id}/heartbeat`, { progress: 50, message: "half way" });
  expect(beat.body).toMatchObject({ task_id: draft.id, state: "APPLYING", commands: [] });
  expect((beat.body as { leases: unknown[] }).leases).toHaveLength(4);

  const done = ok<Task>(await robo.post(`/tasks/${draft.id}/complete`, { result: "success", output: { rows: 7 } }));
  expect(done).toMatchObject({ state: "COMPLETED", execution: { result: "success", output: { rows: 7 } } });
  expect(done.lock_info).toBeUndefined();
  const token = claimed.leases[2]?.fencing_token ?? 0;
  expect(ok<Lock>(await other.post("/locks/acquire", wanted), 201).fencing_token).toBe(token + 1);

  const resource = await alice.get("/resources/database/orders?namespace=prod");
  expect(resource.body).toMatchObject({ key: ORDERS, attributes: { schema: 42 }, revision: 1 });

  await stage.expectVerified(`task:${draft.id}`, `resource:${ORDERS}`, `resource:${WEB}`, "agent:robo", "config");
  const { entries } = ok<{ entries: AuditRow[] }>(await bob.get(`/tasks/${draft.id}/audit`));
  expect(entries.filter(({ subject_type }) => subject_type === "task").map(({ action }) => action)).toEqual([
    "task.created",
    "task.submitted",
    "task.reviewing",
    "task.approved",
    "lock.acquired",
    "task.applying",
    "task.completed",
    "lock.released",
  ]);
});
