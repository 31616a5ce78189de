/** Keeps a lease alive while work is done under it, and says at once when it may be lost. */
import { CountersignError, isCountersignError } from "./countersign-error.ts";
import { beatEvery, extended, isOver, type LeaseClock, leased, remaining, untilBeat } from "./lease-clock.ts";
import { pause } from "./pause.ts";
import type { CallOptions } from "./transport.ts";

export interface KeptLease {
  readonly ttlMs: number;
  /** Monotonic ms: when the request was sent that brought the lease. */
  readonly sentAt: number;
  /** One heartbeat, sent with these options; rejects if it was refused or did not get through. */
  readonly beat: (options: CallOptions) => Promise<void>;
}

/** What asks for a beat before its time comes no more often than this (ms). */
const SOONEST_MS = 1_000;
/** Before a beat that did not get through is tried again (ms). */
const AGAIN_MS = 200;

export class LeaseKeeper {
  readonly #kept: KeptLease;
  readonly #lost = new AbortController();
  readonly #ended = new AbortController();
  #clock: LeaseClock;
  #hurry = new AbortController();
  #end: ReturnType<typeof setTimeout> | undefined;
  readonly #beating: Promise<void>;

  constructor(kept: KeptLease) {
    this.#kept = kept;
    this.#clock = leased(kept.sentAt, kept.ttlMs);
    this.#watch();
    this.#beating = this.#keep();
  }

  /** Aborted the moment that the lease may no longer be ours; its reason is a `LEASE_LOST`. */
  get signal(): AbortSignal {
    return this.#lost.signal;
  }

  /** The next beat comes within a second: it has something to tell. */
  hurry(): void {
    this.#hurry.abort();
  }

  /** Somebody else found out that the lease is gone. */
  lose(cause: unknown): void {
    if (this.#ended.signal.aborted) return;
    const why = isCountersignError(cause) ? `: ${cause.code}` : "";
    const details = isCountersignError(cause) ? cause.details : undefined;
    this.#lost.abort(new CountersignError("LEASE_LOST", { message: `the lease is lost${why}`, details, cause }));
    this.#stop();
  }

  /** The work is over: no more beats once this resolves. */
  async end(): Promise<void> {
    this.#stop();
    await this.#beating;
  }

  #stop(): void {
    clearTimeout(this.#end);
    this.#ended.abort(STOPPED);
  }

  /** Looks at the clock when the lease should be over; beats may have moved that. */
  #watch(): void {
    this.#end = setTimeout(
      () => (isOver(this.#clock, performance.now()) ? this.lose(undefined) : this.#watch()),
      remaining(this.#clock, performance.now()),
    );
  }

  async #keep(): Promise<void> {
    const { signal } = this.#ended;
    try {
      while (!signal.aborted) {
        await this.#due(signal);
        await this.#beat(signal);
      }
    } catch (thrown) {
      if (thrown !== STOPPED) this.lose(thrown);
    }
  }

  async #due(signal: AbortSignal): Promise<void> {
    const now = performance.now();
    const due = untilBeat(this.#clock, now);
    const soonest = Math.min(due, Math.max(0, this.#clock.beaten_at + SOONEST_MS - now));
    await pause(soonest, signal);
    await pause(due - soonest, AbortSignal.any([signal, this.#hurry.signal])).catch(() => signal.throwIfAborted());
    this.#hurry = new AbortController();
  }

  async #beat(signal: AbortSignal): Promise<void> {
    const sentAt = performance.now();
    const deadlineMs = remaining(this.#clock, sentAt);
    try {
      await this.#kept.beat({ signal, deadlineMs, timeoutMs: beatEvery(this.#clock) });
      this.#clock = extended(this.#clock, sentAt);
    } catch (thrown) {
      if (!isCountersignError(thrown) || !thrown.retry.retryable || thrown.status === 423) throw thrown;
      await pause(AGAIN_MS, signal);
    }
  }
}

const STOPPED = new Error("stopped");
