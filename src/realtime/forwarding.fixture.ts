/** A publisher, a hub's disk and sockets in memory, to take a hub's forwarding through whatever can happen to it. */
import { fail, ok } from "../actor/result.ts";
import { type Subscriber, subscribed, unsubscribed } from "../actor/subscribers.ts";
import type { ChannelStore, StoredChannel } from "./channel-store.ts";
import type { Event } from "./contract.ts";
import type { Feed } from "./feed.ts";
import { Forwarding } from "./forwarding.ts";

/** Resolves when the test lets `what` happen. */
export type Schedule = (what: string) => Promise<unknown>;

export const CHANNEL = "locks";
const HUB = "hub:EU/0";

export function eventAt(seq: number, prev: number): Event {
  return { event: "lock:acquired", timestamp: "2026-11-21T00:00:00.000Z", channel: CHANNEL, seq, prev, payload: {} };
}

/** Publishes one channel, keeps its latest events, and pushes to one hub while it is subscribed. */
export class FakePublisher {
  readonly all: Event[] = [];
  gone = false;
  #subscribers: readonly Subscriber[] = [];
  readonly #kept: number;
  readonly #most: number;

  /** `kept`: how many of the latest events; `most`: how many may follow where a replay begins */
  constructor({ kept = Number.POSITIVE_INFINITY, most = Number.POSITIVE_INFINITY } = {}) {
    this.#kept = kept;
    this.#most = most;
  }

  get subscribed(): boolean {
    return this.#subscribers.length > 0;
  }

  subscribe(life: number): void {
    this.#subscribers = subscribed(this.#subscribers, CHANNEL, HUB, life, 0);
  }

  unsubscribe(life: number): void {
    this.#subscribers = unsubscribed(this.#subscribers, CHANNEL, HUB, life);
  }

  get head(): number {
    return this.all.at(-1)?.seq ?? 0;
  }

  /** The next event; its seq is `step` above the last. */
  publish(step: number): Event {
    const event = eventAt(this.head + step, this.head);
    this.all.push(event);
    return event;
  }

  page(after: number, limit: number, begins: boolean) {
    if (this.gone) return fail("TASK_NOT_FOUND", "there is no such task");
    const { head } = this;
    if (after >= head) return ok({ events: [], head, reset: after > head });
    const next = this.all.slice(-this.#kept).filter(({ seq }) => seq > after);
    const [first] = next;
    const tooMany = begins && next.length > this.#most;
    if (first === undefined || first.prev > after || tooMany) return ok({ events: [], head, reset: true });
    return ok({ events: next.slice(0, limit), head, reset: false });
  }
}

/** What {@link ChannelStore} keeps, in memory. */
export class FakeChannelStore implements Pick<ChannelStore, keyof ChannelStore> {
  readonly #channels = new Map<string, { cursor: number; known: number }>();
  readonly #members = new Map<string, Map<number, number | null>>();

  load(name: string): StoredChannel | undefined {
    const row = this.#channels.get(name);
    if (row === undefined) return undefined;
    const members = this.#members.get(name) ?? new Map<number, number | null>();
    const replays = new Map([...members].flatMap(([socket, after]) => (after === null ? [] : [[socket, after]])));
    return { feed: { ...row, replays }, members: [...members.keys()] };
  }

  names(): string[] {
    return [...this.#channels.keys()];
  }

  lagging(): string[] {
    return this.names().filter((name) => {
      const feed = this.load(name)?.feed;
      return feed !== undefined && (feed.known > feed.cursor || feed.replays.size > 0);
    });
  }

  save(name: string, before: Feed | undefined, { cursor, known, replays }: Feed): void {
    this.#channels.set(name, { cursor, known });
    const members = this.#members.get(name);
    for (const socket of before?.replays.keys() ?? []) if (members?.has(socket)) members.set(socket, null);
    for (const [socket, after] of replays) if (members?.has(socket)) members.set(socket, after);
  }

  addMember(name: string, socket: number): void {
    const members = this.#members.get(name) ?? new Map<number, number | null>();
    if (!members.has(socket)) members.set(socket, null);
    this.#members.set(name, members);
  }

  removeMember(name: string, socket: number): void {
    this.#members.get(name)?.delete(socket);
  }

  remove(name: string): void {
    this.#channels.delete(name);
    this.#members.delete(name);
  }

  of(socket: number): string[] {
    return this.names().filter((name) => this.#members.get(name)?.has(socket));
  }
}

/** As a client reads it: an event, or where to go on from. */
export type Told = { readonly event: Event } | { readonly place: number; readonly reset: boolean };

type Message =
  | Event
  | { readonly event: "reset"; readonly payload: { readonly seq: number } }
  | { readonly event: "error"; readonly payload: { readonly code: string; readonly channel: string } };

/** A hub that can be evicted or crash: disk and sockets stay, what it was doing does not. */
export class Hub {
  readonly publisher: FakePublisher;
  readonly store = new FakeChannelStore();
  /** What each socket was told: the head when it was subscribed, then whatever it was sent. */
  readonly told = new Map<number, Told[]>();
  readonly errors: { readonly socket: number; readonly channel: string; readonly code: string }[] = [];
  forwarding: Forwarding;
  /** Whether a call fails that is made now. */
  failing: () => boolean = () => false;
  readonly #schedule: Schedule;
  #life = 0;
  #calls = 0;

  constructor(publisher: FakePublisher, schedule: Schedule) {
    this.publisher = publisher;
    this.#schedule = schedule;
    this.forwarding = this.#awake();
  }

  /** The platform evicts no object while a call that it made is on its way. */
  evict(): void {
    if (this.#calls === 0) this.crash();
  }

  /** What is on its way still arrives, in whatever order; nobody hears the answer. */
  crash(): void {
    this.#life += 1;
    this.#calls = 0;
    this.forwarding = this.#awake();
  }

  async subscribe(socket: number, since?: number): Promise<void> {
    const { forwarding } = this;
    const life = this.#life;
    const opened = await forwarding.open(CHANNEL);
    if (life !== this.#life || !opened.ok) return;
    const { [CHANNEL]: head } = forwarding.join(socket, new Map([[CHANNEL, since]]));
    if (head !== undefined) this.told.set(socket, [{ place: since ?? head, reset: false }]);
    forwarding.catchUp();
  }

  #hear(socket: number, message: Message): void {
    if ("seq" in message) this.told.get(socket)?.push({ event: message });
    else if (message.event === "reset") this.told.get(socket)?.push({ place: message.payload.seq, reset: true });
    else this.errors.push({ socket, channel: message.payload.channel, code: message.payload.code });
  }

  #awake(): Forwarding {
    const life = this.#life;
    const { publisher } = this;
    /** A call of an instance that is no more is never answered. */
    const call = async <T>(what: string, work: () => T): Promise<T> => {
      const fails = this.failing();
      this.#calls += 1;
      await this.#schedule(what);
      const value = fails ? undefined : work();
      await this.#schedule(`answer to ${what}`);
      if (life !== this.#life) return new Promise(() => {});
      this.#calls -= 1;
      if (value === undefined) throw new Error(`${what} failed, for a test`);
      return value;
    };
    return new Forwarding({
      store: this.store,
      persist: (write) => write(),
      publishers: {
        subscribe: () =>
          call("subscribe", () => {
            if (publisher.gone) return fail("TASK_NOT_FOUND", "there is no such task");
            publisher.subscribe(life);
            return ok({ head: publisher.head });
          }),
        unsubscribe: async () => {
          await call("unsubscribe", () => {
            publisher.unsubscribe(life);
            return null;
          });
        },
        events: (_, after, limit, begins) => call("events", () => publisher.page(after, limit, begins)),
      },
      send: (socket, text) => this.#hear(socket, JSON.parse(text)),
      later: (work) => void work,
    });
  }
}
