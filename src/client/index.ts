/** `countersign/client`: fetch, WebSocket and AbortSignal are all that it asks of a runtime. */

export type { LockKey } from "./acquire-lock.ts";
export type { Settings } from "./api-client.ts";
export type { Verdict } from "./approval-verdict.ts";
export { canonicalJson } from "./canonical-json.ts";
export { type ChannelEvent, type ChannelItem, type ChannelReset, isReset } from "./channel-order.ts";
export { Countersign } from "./countersign.ts";
export {
  type ClientCode,
  CountersignError,
  type ErrorCode,
  isCountersignError,
  type RetryAdvice,
} from "./countersign-error.ts";
export type { EventOptions } from "./events.ts";
export type { RequiredApproval, ToolCall } from "./require-approval.ts";
export type { RetryPolicy } from "./retry-policy.ts";
export type { AnswerOf, BodyOf, PathOf, QueryOf, Route, Schema } from "./routes.ts";
export type { Outcome, TaskHandler, Work } from "./run-task.ts";
export type { CallOptions } from "./transport.ts";
export type { HeldLock, LockOptions, NestedLockOptions } from "./with-lock.ts";
export type { HeldLocks, LocksOptions, WantedLock } from "./with-locks.ts";
export type { RunningWorker, WorkerOptions } from "./worker.ts";
