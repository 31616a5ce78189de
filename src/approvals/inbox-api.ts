/** What others may ask of a reviewer's inbox. */
import type { ActorApi } from "../actor/actor-api.ts";
import type { Caller } from "../actor/caller.ts";
import { actorOf, type Remote } from "../actor/remote.ts";
import type { Result } from "../actor/result.ts";
import type { Env } from "../env.ts";
import type { EventBody } from "../realtime/channel-api.ts";
import type { RiskLevel } from "../tasks/contract.ts";
import type { BatchAnswer, BatchInput } from "./batch-contract.ts";
import type { BatchOutcome } from "./batch-outcome.ts";
import type { ApprovalRequest, ApprovalStatus } from "./contract.ts";

/** What a reviewer sees of the task at a glance. */
export interface TaskGlance {
  readonly id: string;
  readonly type: string;
  readonly description: string;
  readonly author_id: string;
  readonly risk_score: number;
  readonly risk_level: RiskLevel;
}

/** A task's word about one of its requests: it opened, or how it ended. */
export interface InboxEffect {
  readonly do: "request.changed";
  readonly request: ApprovalRequest;
  readonly task: TaskGlance;
  /** what `user:{id}` tells of it, if anything */
  readonly notes?: readonly EventBody[];
}

/**
 * Somebody left or came back, or has other roles: to their inbox once D1 says so, and from there to each task that asks them.
 * Whoever hears of it reads D1.
 */
export interface ReviewerEffect {
  readonly do: "reviewer.changed";
  readonly reviewer_id: string;
  readonly active: boolean;
}

export interface InboxQuery {
  readonly status: readonly ApprovalStatus[];
  readonly task_id?: string | undefined;
  readonly offset: number;
  readonly limit: number;
}

export interface InboxPage {
  readonly approvals: readonly (ApprovalRequest & { readonly task: TaskGlance })[];
  readonly total: number;
}

export interface InboxApi extends ActorApi {
  /** URGENT, HIGH, NORMAL, LOW, then oldest first. `key` is `inbox:{user id}`. */
  list(key: string, query: InboxQuery): Promise<InboxPage>;
  /** Decides on many requests, all or none unless the input says otherwise. `key` is the inbox of the caller. */
  decideBatch(key: string, caller: Caller, input: BatchInput): Promise<Result<BatchAnswer>>;
  /** What became of a batch, for a task that promised to it. One not yet decided will not be committed any more. */
  batchOutcome(key: string, batchId: string): Promise<BatchOutcome>;
}

export function inboxOf(env: Env, workspace: string, reviewerId: string): Remote<InboxApi> {
  return actorOf<InboxApi>(env, workspace, `inbox:${reviewerId}`);
}
