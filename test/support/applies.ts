/** Tasks that are applied over resources of their own, and others who want the same locks. */
import type { Lease, Lock } from "../../src/locks/contract.ts";
import type { Task } from "../../src/tasks/task-contract.ts";
import type { Answer } from "./api.ts";
import { ok, type Person, Stage, web } from "./stage.ts";

export const A = "service:prod/a";
export const B = "service:prod/b";
export const both = {
  resources: [
    { ...web, id: "b" },
    { ...web, id: "a" },
  ],
};

export async function setting(config: object = {}) {
  const stage = new Stage();
  const people = await stage.cast();
  const other = await stage.agent("other");
  const task = await stage.approved(people.alice, [people.bob, people.carol], { ...config });
  return { stage, ...people, other, id: task.id, task };
}

export function lockOf(agent: Person, resource_id: string, more: object = {}): Promise<Answer<Lock>> {
  return agent.post<Lock>("/locks/acquire", { resource_type: "resource", resource_id, ...more });
}

export async function taken(agent: Person, resource_id: string, more: object = {}): Promise<Lock> {
  return ok(await lockOf(agent, resource_id, more), 201);
}

export async function give({ id }: Pick<Lock, "id">, agent: Person): Promise<void> {
  ok(await agent.post("/locks/release", { lock_id: id }), 204);
}

export function complete(agent: Person, id: string, body: object = { result: "success" }): Promise<Answer<Task>> {
  return agent.post<Task>(`/tasks/${id}/complete`, body);
}

export function leaseOn(leases: readonly Lease[], resource_id: string): Lease {
  const lease = leases.find((one) => one.resource_id === resource_id);
  if (lease === undefined) throw new Error(`no lease on ${resource_id}`);
  return lease;
}

export async function resource(stage: Stage, id: string) {
  const { body } = await stage.root.get<{ attributes: object; revision: number }>(
    `/resources/service/${id}?namespace=prod`,
  );
  return { attributes: body.attributes, revision: body.revision };
}
