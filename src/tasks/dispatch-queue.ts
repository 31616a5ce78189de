/**
 * Who is offered what (03, "Execution"): apply_immediately first, then priority, then age; one agent per task at a time, so
 * that idle agents do not race for it. Pure; all times in ms.
 */
import { matches } from "../pattern.ts";
import type { ReadyTask } from "./dispatch-api.ts";

/** An agent that was offered a task has this long to begin; then others may. */
export const OFFER_MS = 5_000;

export interface Offer {
  readonly agent_id: string;
  readonly until: number;
}

export interface DispatchQueue {
  readonly ready: ReadonlyMap<string, ReadyTask>;
  readonly offers: ReadonlyMap<string, Offer>;
}

/** Negative when `a` goes before `b`. */
export function compareReady(a: ReadyTask, b: ReadyTask): number {
  if (a.apply_immediately !== b.apply_immediately) return a.apply_immediately ? -1 : 1;
  if (a.priority !== b.priority) return b.priority - a.priority;
  if (a.approved_at !== b.approved_at) return a.approved_at < b.approved_at ? -1 : 1;
  return a.task_id < b.task_id ? -1 : 1;
}

/** Whether an agent with these task-type patterns (none = every type) takes this type. */
export function isCapable(capabilities: readonly string[], type: string): boolean {
  return capabilities.length === 0 || capabilities.some((pattern) => matches(pattern, type));
}

/** The task to offer to this agent now, if there is one that nobody else is offered. */
export function nextFor(
  { ready, offers }: DispatchQueue,
  agent: { readonly agent_id: string; readonly capabilities: readonly string[] },
  now: number,
): ReadyTask | undefined {
  let best: ReadyTask | undefined;
  for (const task of ready.values()) {
    if (task.not_before > now || !isCapable(agent.capabilities, task.type)) continue;
    const offer = offers.get(task.task_id);
    if (offer !== undefined && offer.until > now) continue;
    if (best === undefined || compareReady(task, best) < 0) best = task;
  }
  return best;
}

/** When something may change for those who wait without anybody saying so: a pause ends, an offer lapses. */
export function nextChangeAt({ ready, offers }: DispatchQueue, now: number): number | undefined {
  const times = [
    ...[...ready.values()].map((task) => task.not_before),
    ...[...offers.values()].map((offer) => offer.until),
  ].filter((at) => at > now);
  return times.length === 0 ? undefined : Math.min(...times);
}
