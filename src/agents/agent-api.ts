/** What others may ask of an agent's actor. */
import type { Caller } from "../actor/caller.ts";
import { actorOf, type Remote } from "../actor/remote.ts";
import type { Result } from "../actor/result.ts";
import type { Env } from "../env.ts";
import type { LockApi } from "../locks/lock-api.ts";

export interface AgentPresence {
  readonly status: "online" | "stale" | "offline" | "never_seen";
  readonly last_heartbeat_at?: string;
  readonly location?: { readonly colo?: string; readonly country?: string };
  readonly active_tasks: number;
  readonly max_tasks: number;
  readonly version?: string;
}

export interface Beat {
  readonly status?: "idle" | "busy" | "draining" | undefined;
  readonly metrics?: Readonly<Record<string, unknown>> | undefined;
}

/** Effects that the ledger sends when an agent's configuration changed. */
export type AgentEffect =
  | { readonly do: "configured"; readonly max_tasks: number; readonly heartbeat_interval_seconds: number }
  | { readonly do: "removed" };

export interface AgentApi extends LockApi {
  /** Records that the agent is alive. `key` is `agent:{id}`. */
  beat(caller: Caller, key: string, beat: Beat): Promise<Result<AgentPresence>>;
  presence(key: string): Promise<AgentPresence>;
  /** Ids of the tasks that hold a permit now. */
  activeTasks(key: string): Promise<readonly string[]>;
}

export function agentOf(env: Env, workspace: string, agentId: string): Remote<AgentApi> {
  return actorOf<AgentApi>(env, workspace, `agent:${agentId}`);
}
