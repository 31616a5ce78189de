/** How the delivery of an execution to a webhook executor stands, and when it is tried again. Pure. */
import { invalid, ok, type Result } from "../actor/result.ts";
import { webhookAddress } from "../webhooks/address.ts";
import type { TaskConfig } from "./contract.ts";
import type { Execution, TaskRecord } from "./task.ts";
import type { Transition } from "./transition.ts";

const FIRST_RETRY_MS = 1_000;
const LAST_RETRY_MS = 30_000;

export type Delivery = NonNullable<Execution["delivery"]>;

/** Whether the executor of a config, if it has one, may be called (docs/design/executors.md). */
export function allowedExecutor(
  { executor }: TaskConfig,
  { WEBHOOK_ALLOW_PRIVATE }: { readonly WEBHOOK_ALLOW_PRIVATE: string },
): Result<null> {
  if (executor === undefined) return ok(null);
  const address = webhookAddress(executor.url, WEBHOOK_ALLOW_PRIVATE === "1");
  return address.ok ? ok(null) : invalid({ field: "config.executor.url", issue: address.issue });
}

/** The delivery of an attempt that just began; `now` in ms. */
export function firstDelivery(taskId: string, attempt: number, now: number): Delivery {
  return { webhook_id: `msg_${taskId}_${attempt}`, status: "pending", attempts: 0, next_at: now };
}

/** The failure of an attempt asks its executor, if it has one, for a rollback: a message of its own. */
export function rollbackDelivery(taskId: string, { attempt }: Pick<Execution, "attempt">, now: number): Delivery {
  return { webhook_id: `msg_${taskId}_${attempt}_rollback`, status: "pending", attempts: 0, next_at: now };
}

/** The executor took it and will call back: nothing is sent any more. `error` is what was wrong with its answer, if anything. */
export function delivered(task: TaskRecord, error?: string): Transition | null {
  return withDelivery(task, (delivery) => ({
    ...delivery,
    status: "accepted",
    attempts: delivery.attempts + 1,
    ...(error !== undefined && { last_error: error }),
  }));
}

/** Not now: again after a pause that doubles, with jitter; timeout_seconds end it. `random` in [0, 1). */
export function redeliver(task: TaskRecord, error: string, now: number, random: number): Transition | null {
  return withDelivery(task, (delivery) => {
    const attempts = delivery.attempts + 1;
    const ceiling = Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(attempts - 1, 10));
    return { ...delivery, attempts, last_error: error, next_at: now + Math.round(ceiling * (0.5 + random / 2)) };
  });
}

function withDelivery(task: TaskRecord, change: (delivery: Delivery) => Delivery): Transition | null {
  const { execution } = task;
  if (execution?.delivery === undefined) return null;
  return {
    task: { ...task, execution: { ...execution, delivery: change(execution.delivery) } },
    happenings: [],
    effects: [],
  };
}
