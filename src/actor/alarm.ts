/** An actor's timers as it remembers them, and the one alarm that rings for all of them. */
import { alarmToSet, dueTimers, type Timer } from "./timers.ts";
import { atMost } from "./within.ts";

/** How long the alarm's handler waits for what others answer. What takes longer goes on, but holds up no timer. */
const PATIENCE_MS = 2_000;

export class Alarm {
  timers = new Map<string, Timer>();
  readonly #storage: Pick<DurableObjectStorage, "getAlarm" | "setAlarm">;
  #setTo: number | null = null;

  constructor(storage: Pick<DurableObjectStorage, "getAlarm" | "setAlarm">) {
    this.#storage = storage;
  }

  /** Takes over what storage says; nothing is taken for granted about the alarm, which a rolled-back commit may have set. */
  load(timers: readonly Timer[]): void {
    this.timers = new Map(timers.map((timer) => [timer.name, timer]));
    this.#setTo = null;
  }

  /** Sets an alarm that was lost, or stands unfired in the past: without traffic the actor would sleep for ever. */
  async recover(now: number): Promise<void> {
    const setTo = await this.#storage.getAlarm();
    this.#setTo = setTo !== null && setTo > now ? setTo : null;
    this.arm(now);
  }

  /**
   * Sets the alarm if the earliest timer is sooner than what it is set to. While its handler runs, that is the time that rang:
   * the platform keeps that alarm until the handler is done, and rings it again if the process dies.
   */
  arm(now: number): void {
    this.#arm(now, 0);
  }

  /** `aheadMs`: of the actor's clock, the one by which the platform rings. */
  #arm(now: number, aheadMs: number): void {
    const at = alarmToSet(this.timers.values(), this.#setTo, now);
    if (at === undefined) return;
    void this.#storage.setAlarm(at + aheadMs);
    this.#setTo = at;
  }

  /**
   * Rings what is due: first, one by one, what is the actor's own, then what `callsOthers`; sets the alarm anew in any case.
   * `rangFor` is the time to which the alarm was set that rang, as the platform tells it.
   */
  async handle(
    now: number,
    rangFor: number | undefined,
    callsOthers: (timer: Timer) => boolean,
    ring: (timer: Timer) => Promise<void>,
  ): Promise<void> {
    // The machine that rings has another clock: set to the same time again, it would ring at once, and on until ours is there, too.
    const aheadMs = Math.max(0, (rangFor ?? now) - now);
    try {
      const due = dueTimers(this.timers.values(), now);
      for (const timer of due) if (!callsOthers(timer)) await ring(timer);
      const sweeps = due.filter(callsOthers).map(ring);
      if (sweeps.length > 0) await atMost(PATIENCE_MS, Promise.all(sweeps));
    } finally {
      this.#setTo = null;
      this.#arm(Date.now(), aheadMs);
    }
  }
}
