/** What others may ask of the coordinator of a workspace. */
import type { ActorApi } from "../actor/actor-api.ts";
import type { NumberedPage, NumberedRequest } from "../actor/numbered-page.ts";
import { actorOf, type Remote } from "../actor/remote.ts";
import type { Env } from "../env.ts";
import type { DeadlockInfo, GraphView } from "./contract.ts";
import type { Report } from "./snapshot.ts";

export type HistoryPage = NumberedPage<{ readonly n: number; readonly deadlock: DeadlockInfo }>;

export interface CoordinatorApi extends ActorApi {
  /** Whether the coordinator of this workspace answers. */
  ping(): Promise<true>;
  /** Takes in what a contended lock says. What follows from it goes on by itself: the lock is not kept waiting. */
  report(report: Report): Promise<void>;
  deadlocks(request: NumberedRequest): Promise<HistoryPage>;
  /** The wait-for graph as it is known now. */
  graph(): Promise<GraphView>;
}

export const COORDINATOR = "coordinator";

export function coordinatorOf(env: Env, workspace: string): Remote<CoordinatorApi> {
  return actorOf<CoordinatorApi>(env, workspace, COORDINATOR);
}
