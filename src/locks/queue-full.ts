/** What those are told whom a full queue turns away (04, rule 7): come later and later, and the trail once a minute. */
const FIRST_S = 1;
const LAST_S = 30;
const TELL_EVERY_MS = 60_000;

export class QueueFullBackoff {
  #hits = 0;
  #toldAt = Number.NEGATIVE_INFINITY;

  hit(now: number): { readonly retryAfterSeconds: number; readonly tell: boolean } {
    const retryAfterSeconds = Math.min(LAST_S, FIRST_S * 2 ** Math.min(this.#hits, 10));
    this.#hits += 1;
    const tell = now - this.#toldAt >= TELL_EVERY_MS;
    if (tell) this.#toldAt = now;
    return { retryAfterSeconds, tell };
  }

  /** The queue took somebody in. */
  calm(): void {
    this.#hits = 0;
  }
}
