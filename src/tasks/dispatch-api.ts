/** The workspace's dispatch: which APPROVED task an agent is offered next. */
import type { ActorApi } from "../actor/actor-api.ts";
import type { Caller } from "../actor/caller.ts";
import { actorOf, type Remote } from "../actor/remote.ts";
import type { Result } from "../actor/result.ts";
import type { Env } from "../env.ts";
import type { TaskRecord } from "./task.ts";
import type { ApplyAnswer } from "./task-api.ts";
import type { Effect } from "./transition.ts";

/** A task that waits to be claimed. */
export interface ReadyTask {
  readonly task_id: string;
  readonly type: string;
  readonly priority: number;
  readonly apply_immediately: boolean;
  /** RFC 3339; the older one goes first */
  readonly approved_at: string;
  /** ms; passed by until then */
  readonly not_before: number;
  readonly resources: TaskRecord["config"]["resources"];
}

/** What tasks and agents tell the dispatch. */
export type DispatchEffect =
  | { readonly do: "task.ready"; readonly task: ReadyTask }
  /** it is no longer to be claimed: applying, taken by a waiting apply, or over */
  | { readonly do: "task.gone"; readonly task_id: string }
  /** its locks came after a wait: the agent finds it with its next claim */
  | { readonly do: "task.granted"; readonly task_id: string; readonly agent_id: string }
  /** the agent takes nothing more: what it was asking for comes to nothing */
  | { readonly do: "agent.draining"; readonly agent_id: string };

export interface ClaimCommand {
  readonly agent_id: string;
  /** task-type patterns; empty = every type */
  readonly capabilities: readonly string[];
  /** How long to hold the call open for a task (ms). */
  readonly wait_ms: number;
  /** The agent takes no new work: only a task that it waited for, and whose locks came, is for it. */
  readonly granted_only: boolean;
  /** What this same claim was offered before and could not begin. */
  readonly after?: string | undefined;
}

export interface Offered {
  readonly task_id: string;
  /** What the claim was answered when it first came under this Idempotency-Key. */
  readonly answer?: ApplyAnswer;
}

export interface DispatchApi extends ActorApi {
  /** The task offered to this agent, for 5 s; null if none came in time. */
  claim(caller: Caller, command: ClaimCommand): Promise<Result<Offered | null>>;
  /** Keeps the answer of a claim that came with an Idempotency-Key. */
  claimed(caller: Caller, answer: ApplyAnswer): Promise<void>;
}

export function dispatchOf(env: Env, workspace: string): Remote<DispatchApi> {
  return actorOf<DispatchApi>(env, workspace, "dispatch");
}

/** Nothing for a task with an executor: the task applies itself, no agent may claim it. */
export function readyEffects(task: TaskRecord, notBefore = 0): Effect[] {
  if (task.config.executor !== undefined) return [];
  const ready: ReadyTask = {
    task_id: task.id,
    type: task.config.type,
    priority: task.config.priority,
    apply_immediately: task.apply_immediately,
    approved_at: task.metadata.approved_at ?? task.metadata.updated_at,
    not_before: notBefore,
    resources: task.config.resources,
  };
  return [tell({ do: "task.ready", task: ready })];
}

/** It may not be claimed any more. */
export function goneEffects({ id, config }: Pick<TaskRecord, "id" | "config">): Effect[] {
  return config.executor === undefined ? [tell({ do: "task.gone", task_id: id })] : [];
}

/** Its agent, who waited, finds it with the next claim. */
export function grantedEffects({ id, config }: Pick<TaskRecord, "id" | "config">, agentId: string): Effect[] {
  return config.executor === undefined ? [tell({ do: "task.granted", task_id: id, agent_id: agentId })] : [];
}

/** Its open claims are answered now, with nothing. */
export function drainingEffect(agentId: string): Effect {
  return tell({ do: "agent.draining", agent_id: agentId });
}

function tell(body: DispatchEffect): Effect {
  return { target: "dispatch", body };
}
