/** An agent: claims approved tasks, works on several at once, and leaves none behind when it is told to end. */

import type { ApiClient } from "./api-client.ts";
import { isCountersignError } from "./countersign-error.ts";
import { pause } from "./pause.ts";
import { backoff } from "./retry-policy.ts";
import type { Schema } from "./routes.ts";
import { runTask, type TaskHandler } from "./run-task.ts";
import { onTermination } from "./termination.ts";

export interface WorkerOptions extends TaskHandler {
  /** Patterns of task types; default: what the agent is registered for. */
  readonly capabilities?: readonly string[];
  /** How many tasks at once; default 1. */
  readonly concurrency?: number;
  /** How long a claim is held open (s), which is how long a drain may take with nothing to do; 1 to 20, default 5. */
  readonly waitSeconds?: number;
  /** Told with every heartbeat of the agent, `version` among them. */
  readonly metrics?: () => Readonly<Record<string, unknown>>;
  /** Drains once it is aborted, as `stop()` does. */
  readonly signal?: AbortSignal | undefined;
  /** Whether SIGTERM drains, where there is such a thing; default true. */
  readonly drainOnSigterm?: boolean;
}

export interface RunningWorker {
  /** Drains: claims nothing more, finishes what it has begun. Resolves when all is done. */
  stop(): Promise<void>;
  /** Resolves once it has drained; rejects if the agent may not work at all. */
  readonly done: Promise<void>;
}

const WAIT_S = 5;
const ON_THE_WAY_MS = 10_000;
const RECLAIM = { base_ms: 200, cap_ms: 15_000 };

/** Starts to work, for the agent whose token the client has. */
export function startWorker(client: ApiClient, options: WorkerOptions): RunningWorker {
  const worker = new Worker(client, options);
  const forget = options.drainOnSigterm === false ? () => undefined : onTermination(() => worker.drain());
  options.signal?.addEventListener("abort", () => worker.drain(), { once: true });
  if (options.signal?.aborted) worker.drain();
  const done = worker.work().finally(forget);
  // Whoever stops it hears of it; nobody has to wait for `done`.
  done.catch((thrown) => client.report(thrown, "working"));
  return {
    done,
    stop: () => {
      worker.drain();
      return done;
    },
  };
}

class Worker {
  readonly #client: ApiClient;
  readonly #options: WorkerOptions;
  readonly #running = new Set<Promise<void>>();
  readonly #draining = new AbortController();

  constructor(client: ApiClient, options: WorkerOptions) {
    this.#client = client;
    this.#options = options;
  }

  drain(): void {
    this.#draining.abort();
  }

  async work(): Promise<void> {
    const over = new AbortController();
    const { id } = await this.#client.users.me();
    const { heartbeat_interval_seconds } = await this.#client.agents.get(id);
    const presence = this.#bePresent(id, heartbeat_interval_seconds * 1000, over.signal);
    try {
      await this.#claim();
    } finally {
      this.drain();
      await Promise.all(this.#running);
      over.abort();
      await presence;
    }
  }

  async #claim(): Promise<void> {
    const { capabilities, concurrency = 1, waitSeconds = WAIT_S } = this.#options;
    const { signal } = this.#draining;
    for (let failures = 0; !signal.aborted; ) {
      if (this.#running.size >= concurrency) {
        await Promise.race(this.#running);
        continue;
      }
      try {
        const sentAt = performance.now();
        // Not called off by a drain: what it may have brought by then would have nobody to work on it.
        const claimed = await this.#client.tasks.claim(
          { ...(capabilities !== undefined && { capabilities }), wait_seconds: waitSeconds },
          { timeoutMs: waitSeconds * 1000 + ON_THE_WAY_MS },
        );
        failures = 0;
        if (claimed !== undefined) this.#begin(claimed, sentAt);
      } catch (thrown) {
        if (!isCountersignError(thrown) || !thrown.retry.retryable) throw thrown;
        this.#client.report(thrown, "claiming a task");
        failures += 1;
        await pause(backoff(RECLAIM, failures, Math.random()), signal).catch(() => undefined);
      }
    }
  }

  #begin(claimed: Schema<"Applying">, sentAt: number): void {
    const run = runTask(this.#client, claimed, sentAt, this.#options)
      .catch((thrown) => this.#client.report(thrown, `working on task ${claimed.task.id}`))
      .finally(() => this.#running.delete(run));
    this.#running.add(run);
  }

  /** Beats until it is over; the last beat says that it is draining. */
  async #bePresent(id: string, everyMs: number, over: AbortSignal): Promise<void> {
    while (!over.aborted) {
      await this.#beat(id, everyMs);
      const next = this.#draining.signal.aborted ? over : AbortSignal.any([over, this.#draining.signal]);
      await pause(everyMs, next).catch(() => undefined);
    }
  }

  async #beat(id: string, everyMs: number): Promise<void> {
    const status = this.#draining.signal.aborted ? "draining" : this.#running.size > 0 ? "busy" : "idle";
    const metrics = this.#options.metrics?.();
    try {
      const beat = { status, ...(metrics !== undefined && { metrics }) } as const;
      const { commands } = await this.#client.agents.heartbeat(id, beat, { deadlineMs: everyMs });
      if (commands.some(({ command }) => command === "drain")) this.drain();
    } catch (thrown) {
      this.#client.report(thrown, `heartbeat of agent ${id}`);
    }
  }
}
