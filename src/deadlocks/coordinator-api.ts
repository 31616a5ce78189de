import type { ActorApi } from "../actor/actor.ts";
import { actorOf, type Remote } from "../actor/remote.ts";
import type { Env } from "../env.ts";

export interface CoordinatorApi extends ActorApi {
  /** Whether the coordinator of this workspace answers. */
  ping(): Promise<true>;
}

export function coordinatorOf(env: Env, workspace: string): Remote<CoordinatorApi> {
  return actorOf<CoordinatorApi>(env, workspace, "coordinator");
}
