/**
 * How long a lease is certainly still ours, by our own clock alone: the server counts from when it got the request, we count
 * from when we sent it, so our end comes first (Gray and Cheriton, "Leases", 1989). All times are monotonic ms.
 */
export interface LeaseClock {
  readonly ttl_ms: number;
  /** When the last beat that was answered was sent. */
  readonly beaten_at: number;
  /** From here on it may be somebody else's. */
  readonly expires_at: number;
}

/** Three beats to a lease: two may be lost (the server's own sagas keep the same). */
const BEATS_PER_TTL = 3;

/** The part of its time for which we rely on a lease: clocks run at slightly different speeds, and timers fire late. */
const RELIABLE = 0.95;

/** A lease that a request brought which was sent at `sentAt`. */
export function leased(sentAt: number, ttlMs: number): LeaseClock {
  return { ttl_ms: ttlMs, beaten_at: sentAt, expires_at: sentAt + ttlMs * RELIABLE };
}

/** After a beat that was sent at `sentAt` was accepted. Never ends sooner than before: the server takes the later end, too. */
export function extended(clock: LeaseClock, sentAt: number): LeaseClock {
  return {
    ttl_ms: clock.ttl_ms,
    beaten_at: Math.max(clock.beaten_at, sentAt),
    expires_at: Math.max(clock.expires_at, sentAt + clock.ttl_ms * RELIABLE),
  };
}

export function isOver(clock: LeaseClock, now: number): boolean {
  return now >= clock.expires_at;
}

/** Until it ends (ms), at least 0. */
export function remaining(clock: LeaseClock, now: number): number {
  return Math.max(0, clock.expires_at - now);
}

/** Until the next beat is due (ms), at least 0. */
export function untilBeat(clock: LeaseClock, now: number): number {
  return Math.max(0, clock.beaten_at + beatEvery(clock) - now);
}

/** Between two beats (ms). */
export function beatEvery({ ttl_ms }: LeaseClock): number {
  return ttl_ms / BEATS_PER_TTL;
}
