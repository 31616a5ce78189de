/** One resource's lock over HTTP, as most tests of locks use it. */
import type { Lock } from "../../src/locks/contract.ts";
import type { Answer } from "./api.ts";
import { ORDERS, ok, type Person, Stage } from "./stage.ts";

export const KEY = `resource:${ORDERS}` as const;
export const lock = { resource_type: "resource", resource_id: ORDERS };

export type Loose = Record<string, unknown>;

export function ask(agent: Person, more: Loose = {}, headers: Record<string, string> = {}): Promise<Answer<Lock>> {
  return agent.post<Lock>("/locks/acquire", { ...lock, ...more }, headers);
}

export async function held(agent: Person, more: Loose = {}): Promise<Lock> {
  return ok(await ask(agent, more), 201);
}

export async function queued(agent: Person, more: Loose = {}): Promise<Lock> {
  return ok(await ask(agent, more), 202);
}

export async function release({ id }: Lock, agent: Person): Promise<void> {
  ok(await agent.post("/locks/release", { lock_id: id }), 204);
}

export async function read({ id }: Lock, agent: Person): Promise<Lock> {
  return ok(await agent.get<Lock>(`/locks/${id}`));
}

/** Three agents in a workspace of their own. */
export async function agents() {
  const stage = new Stage();
  const [a, b, c] = await Promise.all([stage.agent("a"), stage.agent("b"), stage.agent("c")]);
  return { stage, a, b, c };
}
