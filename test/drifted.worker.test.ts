/** A task that drifted at apply: its new review has ids of its own, and is asked of whom delegations name by then. */
import { expect, it } from "vitest";
import type { Task } from "../src/tasks/task-contract.ts";
import { approve, eventually, ok, type Person, refusal, requestOf, Stage, web } from "./support/stage.ts";

/** Approved by bob; when robo applies it, another change to its resource was applied meanwhile. `between` is before that. */
async function driftedTask(
  stage: Stage,
  alice: Person,
  bob: Person,
  robo: Person,
  between: () => Promise<void> = async () => {},
): Promise<Task> {
  const resources = [{ ...web, id: crypto.randomUUID() }];
  const [first, second] = [
    await stage.approved(alice, [bob], { resources }),
    await stage.approved(alice, [bob], { resources, parameters: { checkout: "other" } }),
  ];
  await between();
  await stage.apply(robo, first.id);
  ok(await robo.post(`/tasks/${first.id}/complete`, { result: "success" }));
  expect(refusal(await robo.post(`/tasks/${second.id}/apply`))).toEqual([409, "DRIFTED"]);
  return second;
}

it("a request that a drift opened shares its id with no request, comment or lease that comes after", async () => {
  const stage = new Stage();
  const { alice, bob, carol, robo } = await stage.cast();
  const second = await driftedTask(stage, alice, bob, robo);
  const drifted = await stage.task(second.id);
  const told = { action: "delegate", delegate_to: "carol", reason: "away" };
  ok(await bob.post(`/approvals/${requestOf(bob, drifted).id}/respond`, told));
  const comment = ok<{ id: string }>(await alice.post(`/tasks/${second.id}/comments`, { body: "again?" }), 201);
  const delegated = await stage.task(second.id);
  const mine = delegated.approval_requests.filter(({ reviewer_id, status }) => {
    return reviewer_id === carol.id && status === "PENDING";
  });
  expect(mine).toHaveLength(2);
  ok(await carol.post(`/approvals/${mine[0]?.id}/respond`, { action: "approve" }));
  const { leases } = await stage.apply(robo, second.id);

  const { approval_requests } = ok<Task>(await alice.get(`/tasks/${second.id}`));
  const own = leases.find(({ resource_type }) => resource_type === "task");
  const ids = [...approval_requests.map(({ id }) => id), comment.id, own?.lock_id];
  expect(new Set(ids).size).toBe(ids.length);
});

it("is asked of the delegate whom its reviewer has by now; once somebody approves, nothing is open anywhere", async () => {
  const stage = new Stage();
  const { alice, bob, carol, robo } = await stage.cast();
  const dora = await stage.user("dora");
  const { id } = await driftedTask(stage, alice, bob, robo, async () => {
    ok(await bob.post("/approvals/policies", { delegate_to: dora.id }), 201);
  });
  const drifted = await stage.task(id);
  const asked = drifted.approval_requests.filter(({ revision }) => revision === drifted.revision);
  expect(asked.map(({ reviewer_id, status }) => `${reviewer_id} ${status}`).sort()).toEqual([
    "bob DELEGATED",
    "carol PENDING",
    "dora PENDING",
  ]);
  expect(requestOf(dora, drifted)).toMatchObject({ on_behalf_of: "bob" });
  expect(refusal(await approve(bob, drifted))).toEqual([409, "APPROVAL_ALREADY_RESOLVED"]);
  expect(ok(await approve(dora, drifted))).toMatchObject({ task_state: "APPROVED" });
  const { approval_requests, current_approvals } = await stage.task(id);
  expect([current_approvals, approval_requests.filter(({ status }) => status === "PENDING")]).toEqual([1, []]);
  await eventually(async () => {
    for (const one of [bob, carol, dora]) expect(ok(await one.get("/approvals"))).toMatchObject({ approvals: [] });
  });
});
