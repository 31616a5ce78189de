/**
 * Live push of events to hubs: best effort and in order. One call to a hub is in flight for each channel; what comes
 * meanwhile goes together with the next. Nobody waits for it and nothing of it is stored: a hub that misses something sees
 * it by `prev`, or by the head at its next renewal, and fetches the gap.
 */
import { causeOf, log } from "../log.ts";
import type { Event } from "../realtime/contract.ts";
import type { ActorKey } from "./remote.ts";

/** What waits for a slow hub is no more than this; of more only the newest stays, which shows the hub its gap. */
const MOST_WAITING = 1_000;

type Send = (hub: ActorKey, channel: string, events: readonly Event[]) => Promise<void>;

export class Pushes {
  readonly #send: Send;
  /** By hub and channel: what waits for the call in flight. */
  readonly #lanes = new Map<string, Event[]>();
  /** Hubs whose failure was logged and that have taken nothing since. */
  readonly #failing = new Set<ActorKey>();

  constructor(send: Send) {
    this.#send = send;
  }

  /** Resolves once nothing of it is under way; never rejects. */
  async push(hubs: readonly ActorKey[], channel: string, events: readonly Event[]): Promise<void> {
    if (events.length > 0) await Promise.all(hubs.map((hub) => this.#queue(hub, channel, events)));
  }

  async #queue(hub: ActorKey, channel: string, events: readonly Event[]): Promise<void> {
    const lane = `${hub} ${channel}`;
    const waiting = this.#lanes.get(lane);
    if (waiting === undefined) return this.#run(lane, hub, channel, events);
    waiting.push(...events);
    if (waiting.length > MOST_WAITING) waiting.splice(0, waiting.length - 1);
  }

  async #run(lane: string, hub: ActorKey, channel: string, events: readonly Event[]): Promise<void> {
    const waiting: Event[] = [];
    this.#lanes.set(lane, waiting);
    for (let batch = events; batch.length > 0; batch = waiting.splice(0)) {
      try {
        await this.#send(hub, channel, batch);
        this.#failing.delete(hub);
      } catch (thrown) {
        if (!this.#failing.has(hub)) log("warn", "push.failed", { hub, channel, cause: causeOf(thrown) });
        this.#failing.add(hub);
      }
    }
    this.#lanes.delete(lane);
  }
}
