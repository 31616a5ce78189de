/**
 * The apply saga: which locks an apply takes, in which order, and how they are given back (01, "Sagas"; 03, "Execution";
 * docs/design/apply-saga.md). Pure. Every step may be repeated: the session `task:{id}:{attempt}` re-enters what it holds.
 */
import type { ActorKey } from "../actor/remote.ts";
import { ok, type Result } from "../actor/result.ts";
import { timestamp } from "../actor/timestamp.ts";
import { skipsDrift } from "../approvals/overridden.ts";
import type { ReleaseEffect } from "../locks/lock-shell.ts";
import type { TaskConfig } from "./contract.ts";
import { goneEffects, readyEffects } from "./dispatch-api.ts";
import { resourcesByKey } from "./resource-key.ts";
import { sameJson } from "./stable-json.ts";
import { allows, invalidState, type Saga, type TaskRecord } from "./task.ts";
import type { Effect, Transition } from "./transition.ts";

/** TTL of every lease that task work holds. */
export const LEASE_MS = 30_000;
/** While it waits for one lock, a saga renews those it has. */
export const RENEW_MS = LEASE_MS / 3;
/** After this much waiting a saga lets go of everything and rests. */
export const PATIENCE_MS = 60_000;
const FIRST_REST_MS = 1_000;
const LAST_REST_MS = 60_000;

export type Step =
  | { readonly kind: "agent"; readonly target: string }
  | { readonly kind: "task" }
  | { readonly kind: "resource"; readonly target: string; readonly key: string; readonly mode: "shared" | "exclusive" };

/** The canonical order: a permit of the agent, the task's own lock, every resource by key. */
export function stepsOf(config: TaskConfig, agentId: string): Step[] {
  const resources = [...resourcesByKey(config.resources)]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, { actions }]): Step => {
      const mode = actions.some((action) => action !== "read") ? "exclusive" : "shared";
      return { kind: "resource", target: `resource:${key}`, key, mode };
    });
  // A webhook executor is no agent: it has no permits to take.
  const permit: Step[] = config.executor === undefined ? [{ kind: "agent", target: `agent:${agentId}` }] : [];
  return [...permit, { kind: "task" }, ...resources];
}

/**
 * Begins (or finds under way) the apply of an approved task by this agent. `fresh` is false if the saga was there already: it
 * runs, or it rests and begins again by itself. While it rests, another agent may take the task over.
 */
export function beginSaga(
  before: TaskRecord,
  agentId: string,
  nonce: string,
  now: number,
): Result<{ readonly task: TaskRecord; readonly saga: Saga; readonly fresh: boolean }> {
  const allowed = allows(before, "apply");
  if (!allowed.ok) return allowed;
  const { saga: running, retry_at } = before;
  if (retry_at !== undefined && retry_at > now) {
    return invalidState(before, "this task waits for its retry", { retry_at: timestamp(retry_at) });
  }
  const rested = running?.resting_until !== undefined && running.resting_until <= now;
  if (running?.agent_id === agentId && !rested) return ok({ task: before, saga: running, fresh: false });
  if (running !== undefined && running.agent_id !== agentId && running.resting_until === undefined) {
    return invalidState(before, `agent ${running.agent_id} is applying this task`, { agent_id: running.agent_id });
  }
  const attempt = before.attempts + 1;
  const saga: Saga = {
    agent_id: agentId,
    attempt,
    session_id: `task:${before.id}:${attempt}`,
    nonce,
    deadline: now + PATIENCE_MS,
    tries: running?.agent_id === agentId ? running.tries : 0,
    skip_drift: skipsDrift(before),
  };
  return ok({ task: { ...before, saga }, saga, fresh: true });
}

/** A lock is not free: the saga queues for it, and nobody else is offered the task meanwhile. */
export function waitsFor(before: TaskRecord, waiting: NonNullable<Saga["waiting"]>): Transition | null {
  const { saga } = before;
  if (saga === undefined) return null;
  const known = saga.waiting;
  if (sameJson(known, waiting)) return null;
  const task: TaskRecord = { ...before, saga: { ...saga, waiting } };
  return { task, happenings: [], effects: known === undefined ? goneEffects(task) : [] };
}

/** Lets go of everything and tries again after a pause. No attempt is counted; the task stays APPROVED. `random` in [0, 1). */
export function rests(before: TaskRecord, now: number, random: number): Transition | null {
  const { saga } = before;
  if (saga === undefined) return null;
  const ceiling = Math.min(LAST_REST_MS, FIRST_REST_MS * 2 ** Math.min(saga.tries, 10));
  const { waiting: _, ...rest } = saga;
  const resting: Saga = {
    ...rest,
    tries: saga.tries + 1,
    resting_until: now + Math.round(ceiling * (0.5 + random / 2)),
  };
  return { task: { ...before, saga: resting }, happenings: [], effects: releaseSaga(before, saga) };
}

/** Ends the saga without an execution: others may claim the task again, or it begins anew by itself, not before `notBefore` (ms). */
export function abandons(before: TaskRecord, notBefore: number): Transition | null {
  const { saga, ...rest } = before;
  if (saga === undefined) return null;
  // An executor claims nothing: without a pause of its own the task would begin again at once, and for ever.
  const task: TaskRecord = before.config.executor === undefined ? rest : { ...rest, retry_at: notBefore };
  return { task, happenings: [], effects: [...releaseSaga(before, saga), ...readyEffects(task, notBefore)] };
}

/** Frees whatever the session of a saga or execution may hold or await, wherever it may be. */
export function releaseSaga(
  { id, config }: Pick<TaskRecord, "id" | "config">,
  { agent_id, session_id }: Pick<Saga, "agent_id" | "session_id">,
): Effect[] {
  const body: ReleaseEffect = { do: "lock.release", agent_id, session_id };
  return stepsOf(config, agent_id).map((step) => ({ target: step.kind === "task" ? `task:${id}` : step.target, body }));
}

/** The actors of the other locks that a saga or execution may hold or await. */
export function lockKeys({ config }: Pick<TaskRecord, "config">, { agent_id }: Pick<Saga, "agent_id">): ActorKey[] {
  return stepsOf(config, agent_id).flatMap((step) => (step.kind === "task" ? [] : [step.target]));
}

/** 202 of an apply that waits (03, "Routes"). */
export function queueOf(saga: Saga): { resource_type: string; resource_id: string; queue_position: number }[] {
  return saga.waiting === undefined ? [] : [saga.waiting];
}
