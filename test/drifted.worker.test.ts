/** Ids of a task after it drifted: what the new review was given is given to nothing else. */
import { expect, it } from "vitest";
import type { Task } from "../src/tasks/task-contract.ts";
import { ok, refusal, requestOf, Stage, web } from "./support/stage.ts";

it("a request that a drift opened shares its id with no request, comment or lease that comes after", async () => {
  const stage = new Stage();
  const { alice, bob, carol, robo } = await stage.cast();
  const resources = [{ ...web, id: crypto.randomUUID() }];
  const [first, second] = [
    await stage.approved(alice, [bob], { resources }),
    await stage.approved(alice, [bob], { resources, parameters: { checkout: "other" } }),
  ];
  await stage.apply(robo, first.id);
  ok(await robo.post(`/tasks/${first.id}/complete`, { result: "success" }));
  expect(refusal(await robo.post(`/tasks/${second.id}/apply`))).toEqual([409, "DRIFTED"]);

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
