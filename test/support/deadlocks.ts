/** Agents that wait for each other, over HTTP. */
import { runInDurableObject } from "cloudflare:test";
import { expect, vi } from "vitest";
import type { DeadlockInfo, GraphView } from "../../src/deadlocks/contract.ts";
import type { Lock } from "../../src/locks/contract.ts";
import type { Answer } from "./api.ts";
import { eventually, ok, type Person, Stage } from "./stage.ts";

export type Loose = Record<string, unknown>;
export interface History {
  readonly deadlocks: readonly DeadlockInfo[];
  readonly pagination: { readonly total: number; readonly has_more: boolean; readonly next_cursor?: string };
}

export const COORDINATOR = "coordinator";
const HELD_OPEN = { Prefer: "wait=30" };
const FOR_SESSIONS = { resource_type: "resource", ttl_seconds: 300, max_wait_seconds: 300 };

export function ask(agent: Person, resource_id: string, more: Loose = {}, headers = {}): Promise<Answer<Lock>> {
  return agent.post<Lock>("/locks/acquire", { ...FOR_SESSIONS, resource_id, ...more }, headers);
}

export async function held(agent: Person, key: string, more: Loose = {}): Promise<Lock> {
  return ok(await ask(agent, key, more), 201);
}

/** Asks, held open until the outcome. */
export function waits(agent: Person, key: string, more: Loose = {}): Promise<Answer<Lock>> {
  return ask(agent, key, more, HELD_OPEN);
}

export async function release(agent: Person, ...locks: Lock[]): Promise<void> {
  for (const { id } of locks) ok(await agent.post("/locks/release", { lock_id: id }), 204);
}

export async function read(agent: Person, { id }: Lock): Promise<Answer<Lock>> {
  return agent.get<Lock>(`/locks/${id}`);
}

export function deadlocks(stage: Stage, query = ""): Promise<History> {
  return stage.root.get<History>(`/locks/deadlocks${query}`).then((answer) => ok<History>(answer));
}

export async function resolved(stage: Stage, count = 1): Promise<readonly DeadlockInfo[]> {
  return eventually(async () => {
    const found = await deadlocks(stage);
    expect(found.pagination.total).toBe(count);
    return found.deadlocks;
  });
}

export async function graph(stage: Stage): Promise<GraphView> {
  return ok<GraphView>(await stage.root.get("/locks/graph"));
}

export async function agents(count = 2): Promise<{ stage: Stage; cast: Person[]; a: Person; b: Person }> {
  const stage = new Stage();
  const names = [..."abcdefgh"].slice(0, count);
  const cast = await Promise.all(names.map((name) => stage.agent(name)));
  const [a, b] = cast;
  if (a === undefined || b === undefined) throw new Error("a deadlock takes two");
  return { stage, cast, a, b };
}

/**
 * a holds one, b holds two, a waits for two; b's wait for one would close the cycle. b's lease is the younger one or, within
 * one millisecond, b's the greater session id.
/**
 * a holds one, b holds two, a waits for two; b's wait for one would close the cycle. b's lease is the younger one or, within
 * one millisecond, b's the greater session id.
 */
export async function crossing(a: Person, b: Person) {
  const one = await held(a, "db:one");
  const two = await held(b, "db:two");
  const forTwo = waits(a, "db:two");
  return { one, two, forTwo };
}

/** How often an actor's method was called, counted from inside. */
export async function counted(stage: Stage, key: string, method: string): Promise<() => number> {
  const { actor, spy } = await spied(stage, key, method);
  return () => spy.mock.contexts.filter((context) => context === actor).length;
}

export async function spied(stage: Stage, key: string, method: string) {
  return runInDurableObject(stage.stub(key), (actor) => {
    const prototype: Record<string, () => Promise<unknown>> = Object.getPrototypeOf(actor);
    return { actor, spy: vi.spyOn(prototype, method) };
  });
}
