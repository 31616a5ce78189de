/** What others may ask of an agent's actor. */
import type { Caller } from "../actor/caller.ts";
import { actorOf, type Remote } from "../actor/remote.ts";
import type { Result } from "../actor/result.ts";
import type { Env } from "../env.ts";
import type { LockApi } from "../locks/lock-api.ts";
import type { EventBody } from "../realtime/channel-api.ts";
import type { Command, Standing } from "./commands.ts";

export interface AgentPresence {
  readonly status: "online" | "stale" | "offline" | "never_seen";
  /** null: never */
  readonly last_heartbeat_at: string | null;
  /** Of the last heartbeat, as far as it is known. */
  readonly location: { readonly colo?: string; readonly country?: string };
  readonly active_tasks: number;
  readonly max_tasks: number;
  readonly version?: string;
}

export interface Beat {
  readonly status?: "idle" | "busy" | "draining" | undefined;
  readonly metrics?: Readonly<Record<string, unknown>> | undefined;
}

export interface Beaten {
  readonly presence: AgentPresence;
  readonly commands: readonly Command[];
}

/** Effects that the ledger sends when an agent's configuration changed. */
export type AgentEffect =
  | {
      readonly do: "configured";
      readonly max_tasks: number;
      readonly heartbeat_interval_seconds: number;
      readonly drain: boolean;
    }
  /** `forced`: what it holds elsewhere ends, too */
  | { readonly do: "removed"; readonly forced: boolean };

/** An effect by which a task tells its agent what to do, and the agent's channel with it. */
export interface CommandEffect extends Standing {
  readonly do: "command";
  readonly notes: readonly EventBody[];
}

export interface AgentApi extends LockApi {
  /** Records that the agent is alive. `key` is `agent:{id}`. */
  beat(caller: Caller, key: string, beat: Beat): Promise<Result<Beaten>>;
  presence(key: string): Promise<AgentPresence>;
  /** Whether it has a permit left and is not draining. */
  takesWork(key: string): Promise<boolean>;
  /** Ids of the tasks that hold a permit now. */
  activeTasks(key: string): Promise<readonly string[]>;
  /** Tells the agent's channel of tasks that it could claim; false, and nothing told, if it is not there or takes no work. */
  tellReady(key: string, notes: readonly EventBody[]): Promise<boolean>;
}

export function agentOf(env: Env, workspace: string, agentId: string): Remote<AgentApi> {
  return actorOf<AgentApi>(env, workspace, `agent:${agentId}`);
}
