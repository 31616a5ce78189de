/** What others may ask of a task's actor. One that stands for no task answers TASK_NOT_FOUND, and APPROVAL_NOT_FOUND of its requests. */
import type { Caller } from "../actor/caller.ts";
import type { Address } from "../actor/ids.ts";
import { actorAt, type Remote } from "../actor/remote.ts";
import type { Result } from "../actor/result.ts";
import type { Command } from "../agents/commands.ts";
import type { BatchOrder, BatchVote } from "../approvals/batch-order.ts";
import type { ApprovalRequest } from "../approvals/contract.ts";
import type { Eligibility } from "../approvals/eligibility.ts";
import type { NewLink } from "../approvals/link-token.ts";
import type { Nominee } from "../approvals/nominees.ts";
import type { OverrideInput, OverrideRequested } from "../approvals/override-contract.ts";
import type { Env } from "../env.ts";
import type { Lease } from "../locks/contract.ts";
import type { LockApi } from "../locks/lock-api.ts";
import type { Preview, Risk, TaskState } from "./contract.ts";
import type {
  CompleteTask,
  CreateTask,
  HeartbeatTask,
  PatchTask,
  RespondInput,
  RollbackReport,
  StashInput,
  SubmitTask,
  Task,
} from "./task-contract.ts";

export interface ApplyAnswer {
  readonly task: Task;
  /** held leases once APPLYING, else empty */
  readonly leases: readonly Lease[];
  readonly queue: readonly {
    readonly resource_type: string;
    readonly resource_id: string;
    readonly queue_position: number;
  }[];
}

export interface HeartbeatAnswer {
  readonly task_id: string;
  readonly state: TaskState;
  readonly leases: readonly { readonly lock_id: string; readonly expires_at: string }[];
  /** Besides those that the agent's own heartbeat hands out. */
  readonly commands: readonly Command[];
}

export interface ApprovalAnswer {
  readonly approval: ApprovalRequest;
  readonly task: {
    readonly id: string;
    readonly state: TaskState;
    readonly revision: number;
    readonly type: string;
    readonly description: string;
    readonly author_id: string;
  };
  readonly preview: Preview;
  readonly risk: Risk;
  readonly eligibility: Eligibility;
}

export interface RespondAnswer {
  readonly success: true;
  readonly approval_id: string;
  readonly task_id: string;
  readonly task_state: TaskState;
}

export interface TaskApi extends LockApi {
  create(caller: Caller, input: CreateTask, resubmittedFrom?: string): Promise<Result<Task>>;
  /** What a rejected task's new draft begins with. */
  resubmission(caller: Caller): Promise<Result<Pick<CreateTask, "config" | "metadata">>>;
  /** The rejected task's own word about its new draft. */
  noteResubmitted(caller: Caller, newId: string): Promise<Result<null>>;
  get(): Promise<Result<Task>>;
  edit(caller: Caller, patch: PatchTask, ifMatch: number | null): Promise<Result<Task>>;
  remove(caller: Caller): Promise<Result<null>>;
  submit(caller: Caller, input: SubmitTask): Promise<Result<Task>>;
  cancel(caller: Caller, reason: string | null): Promise<Result<Task>>;
  comment(caller: Caller, body: string): Promise<Result<Task["comments"][number]>>;
  apply(caller: Caller, agentId: string): Promise<Result<ApplyAnswer>>;
  heartbeatTask(caller: Caller, input: HeartbeatTask): Promise<Result<HeartbeatAnswer>>;
  stash(caller: Caller, input: StashInput): Promise<Result<{ readonly task_id: string; readonly resource: string }>>;
  complete(caller: Caller, input: CompleteTask): Promise<Result<Task>>;
  rollback(caller: Caller, input: RollbackReport): Promise<Result<Task>>;
  approval(caller: Caller, member: number): Promise<Result<ApprovalAnswer>>;
  override(caller: Caller, input: OverrideInput): Promise<Result<OverrideRequested>>;
  confirmOverride(caller: Caller): Promise<Result<Task>>;
  /** `nominees`: the active users among those whom the answer names. */
  respond(
    caller: Caller,
    member: number,
    input: RespondInput,
    nominees: readonly Nominee[],
  ): Promise<Result<RespondAnswer>>;
  /** Notes that the caller is given a link to answer this request with. */
  offerLink(caller: Caller, member: number, link: NewLink): Promise<Result<{ readonly expires_at: string }>>;
  /** Promises to decide all of it, or refuses and promises nothing. */
  prepareBatch(caller: Caller, order: BatchOrder): Promise<BatchVote>;
  /** Decides at once whatever of it can be decided. */
  decideBatch(caller: Caller, order: BatchOrder): Promise<Result<BatchVote>>;
}

export function taskAt(env: Env, workspace: string, address: Address): Remote<TaskApi> {
  return actorAt<TaskApi>(env, workspace, "task", address);
}
