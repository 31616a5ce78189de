/** The timers of a task, as they follow from its state. Pure; all times in ms. */
import { lookAfterAt } from "../approvals/look-after.ts";
import { leasesEndAt, timeoutAt } from "./executing.ts";
import { RENEW_MS } from "./saga.ts";
import type { Saga, TaskRecord } from "./task.ts";

export interface TimerWish {
  readonly name: "review" | "saga" | "timeout" | "lease" | "renew" | "executor" | "batch";
  /** undefined: none */
  readonly due_at: number | undefined;
  /** An earlier one may stand: it rings, looks again and is set anew. */
  readonly lazy: boolean;
}

/** An executor is called at once by whoever made the state; this is for when that was lost in a crash. */
const EXECUTOR_SWEEP_MS = 5_000;
/** Between looks at what should be over by now: a timer that is set to the time at which it rang is done with. */
const LOOK_AGAIN_MS = 1_000;

export function timersOf(task: TaskRecord, now: number): TimerWish[] {
  const { saga } = task;
  const execution = task.state === "APPLYING" ? task.execution : undefined;
  const renews = execution?.delivery !== undefined;
  return [
    wish("review", lookAfterAt(task, now)),
    wish("saga", saga && sagaDueAt(saga, now)),
    wish("timeout", execution && timeoutAt(task, execution)),
    // Heartbeats move the end of the leases all the time.
    wish("lease", execution && upcoming(leasesEndAt(execution), now), execution !== undefined),
    wish("renew", renews ? now + RENEW_MS : undefined, renews),
    wish("executor", executorDueAt(task, now)),
    wish("batch", task.reservation?.ask_at),
  ];
}

function wish(name: TimerWish["name"], due_at: number | undefined, lazy = false): TimerWish {
  return { name, due_at, lazy };
}

/** One that is rested may have to wait until its locks have heard that it let go of them. */
function sagaDueAt({ resting_until, deadline }: Saga, now: number): number {
  if (resting_until === undefined) return Math.min(now + RENEW_MS, deadline);
  return upcoming(resting_until, now);
}

/** What is due already was looked at just now, and is still to come: by the clock of a lock, or because something is on its way. */
function upcoming(at: number, now: number): number {
  return at > now ? at : now + LOOK_AGAIN_MS;
}

/** When a task with an executor has to go on by itself: begin to take its locks, or deliver. */
function executorDueAt(task: TaskRecord, now: number): number | undefined {
  const due = nextStepAt(task);
  if (due === undefined) return undefined;
  return due > now ? due : now + EXECUTOR_SWEEP_MS;
}

/** When the next step of a task with an executor may be taken (ms); undefined if there is none. */
export function nextStepAt({ state, config, saga, retry_at, execution }: TaskRecord): number | undefined {
  if (config.executor === undefined) return undefined;
  if (state === "APPROVED" && saga === undefined) return retry_at ?? 0;
  const owed = state === "APPLYING" && execution?.delivery?.status === "pending";
  return owed ? execution.delivery.next_at : undefined;
}
