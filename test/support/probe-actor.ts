import { runInDurableObject } from "cloudflare:test";
import { DurableObject, env } from "cloudflare:workers";
import { type Caller, systemCaller } from "../../src/actor/caller.ts";
import { ChannelActor } from "../../src/actor/channel-actor.ts";
import type { Commit } from "../../src/actor/commit.ts";
import type { ChainedEntry, Entry } from "../../src/actor/journal.ts";
import type { LedgerIntake, Shipment } from "../../src/actor/ledger-api.ts";
import type { EffectRow, Receipt } from "../../src/actor/outbox.ts";
import { type ActorKey, addressOfKey, namespaceOf } from "../../src/actor/remote.ts";
import type { Result } from "../../src/actor/result.ts";
import type { Storage } from "../../src/actor/storage.ts";
import type { Env } from "../../src/env.ts";
import type { EventBody, HubApi } from "../../src/realtime/channel-api.ts";
import type { Event } from "../../src/realtime/contract.ts";

/** The workspace of every probe. */
export const WORKSPACE = "probes";

export function caller(idempotency?: Caller["idempotency"]): Caller {
  const system = systemCaller(WORKSPACE, "probe", "r-1");
  return idempotency === undefined ? system : { ...system, idempotency };
}

/** An actor without a domain: it commits what a test tells it to, and notes what reaches it. */
export class ProbeActor extends ChannelActor {
  /** What a later version of the probe would append to its migrations. */
  static laterMigrations: string[] = [];

  /** What any probe's hub does with what it is pushed. */
  static hub: (channel: string, events: readonly Event[]) => Promise<void> = async () => {};

  constructor(ctx: DurableObjectState, env: Env) {
    const push: HubApi["push"] = (_key, channel, events) => ProbeActor.hub(channel, events);
    const hubs = { idFromName: (name: string) => name, get: () => ({ push }) };
    super(ctx, { ...env, HUB: hubs as unknown as DurableObjectNamespace });
  }

  /** Thrown by `receive` and `onTimer` for bodies and timers of these names. */
  readonly refuses = new Set<string>();
  /** While set, a delivery is applied, but its acknowledgement waits. */
  holdReceipts: Promise<void> | undefined;
  /** While set, deliveries fail as if the actor were out of reach. */
  unreachable = false;
  /** What a timer's handler does besides noting that it ran. */
  whenRung: (name: string, now: number) => Promise<void> | void = () => {};
  deliveries = 0;
  rung: string[] = [];

  protected override get migrations(): readonly string[] {
    return ["CREATE TABLE received (source TEXT NOT NULL, body TEXT NOT NULL) STRICT", ...ProbeActor.laterMigrations];
  }

  /** Of what a probe journals, that is told which is named like an event. */
  protected override eventOf({ action, details = {} }: Entry): EventBody | null {
    return action.includes(":") ? { event: action, payload: details } : null;
  }

  protected override receive(tx: Commit, _caller: Caller, source: ActorKey, body: unknown): void {
    const text = String(body);
    this.ctx.storage.sql.exec("INSERT INTO received VALUES (?, ?)", source, text);
    tx.journal({ action: "probe.received", subject_type: "probe", subject_id: text, audit: false });
    if (this.refuses.has(text)) throw new Error(`${text} is refused`);
  }

  /** Bodies that begin so ask nobody to do anything. */
  protected override mayWait(body: unknown): boolean {
    return String(body).startsWith("~");
  }

  protected override async onTimer(name: string, now: number): Promise<void> {
    this.rung.push(name);
    await this.whenRung(name, now);
    if (this.refuses.has(name)) throw new Error(`${name} fails`);
  }

  override async deliver(to: ActorKey, source: ActorKey, rows: readonly EffectRow[]): Promise<Receipt> {
    this.deliveries += 1;
    if (this.unreachable) throw new Error("out of reach");
    const receipt = await super.deliver(to, source, rows);
    if (this.holdReceipts !== undefined) await this.holdReceipts;
    return receipt;
  }

  // --- the kit's protected parts, for tests

  be(key: ActorKey): boolean {
    return this.identify(key);
  }

  get tables(): Storage {
    return this.store;
  }

  isThere(): boolean {
    return this.exists;
  }

  run<T>(work: (tx: Commit) => T, now?: number, by: Caller = caller()): T {
    return this.commit(by, work, now);
  }

  handOut(): number {
    return this.member();
  }

  answered<T>(by: Caller): Result<T> | undefined {
    return this.replayed<T>(by);
  }

  drain(): Promise<boolean> {
    return this.deliverEffects();
  }

  received(): string[] {
    if (!this.exists) return [];
    return this.ctx.storage.sql
      .exec<{ body: string }>("SELECT body FROM received ORDER BY rowid")
      .toArray()
      .map((row) => row.body);
  }

  rows(query: string): Record<string, SqlStorageValue>[] {
    return this.ctx.storage.sql.exec(query).toArray();
  }
}

/** A ledger that only remembers, and fails when it is told to. */
export class ProbeLedger extends DurableObject<Env> implements LedgerIntake {
  failing = false;
  /** While set, shipments are stored, but their acknowledgement waits. */
  holdReceipts: Promise<void> | undefined;
  /** Sizes of the shipments that arrived, by source. */
  readonly arrived = new Map<string, number[]>();
  readonly kept = new Map<string, ChainedEntry[]>();
  /** Pairs of source and target that are said to be parked. */
  readonly parked = new Set<string>();
  inFlight = 0;
  mostInFlight = 0;

  async accept(shipment: Shipment): Promise<{ acknowledged: number }> {
    this.arrived.set(shipment.source, [...(this.arrived.get(shipment.source) ?? []), shipment.entries.length]);
    if (this.failing) throw new Error("the ledger is down");
    const kept = this.kept.get(shipment.source) ?? [];
    const head = kept.at(-1)?.entry.seq ?? 0;
    kept.push(...shipment.entries.filter(({ entry }) => entry.seq > head));
    this.kept.set(shipment.source, kept);
    this.inFlight += 1;
    this.mostInFlight = Math.max(this.mostInFlight, this.inFlight);
    if (this.holdReceipts !== undefined) await this.holdReceipts;
    this.inFlight -= 1;
    return { acknowledged: kept.at(-1)?.entry.seq ?? 0 };
  }

  async flushed(): Promise<boolean> {
    return !this.failing;
  }

  noteParked(source: ActorKey, target: ActorKey, isParked: boolean): void {
    if (isParked) this.parked.add(`${source} ${target}`);
    else this.parked.delete(`${source} ${target}`);
  }
}

/** The stub of an actor; a fresh one at each call, since an aborted object breaks the stubs that it had. */
export function stubOf<O extends DurableObject>(key: ActorKey): DurableObjectStub<O> {
  const { kind, address } = addressOfKey(key);
  const namespace = namespaceOf(env, kind) as unknown as DurableObjectNamespace<O>;
  return namespace.get(namespace.idFromName(`${WORKSPACE}/${kind}/${address}`));
}

/** Does something inside a probe that knows its key. */
export function within<T>(
  key: ActorKey,
  work: (probe: ProbeActor, state: DurableObjectState) => T | Promise<T>,
): Promise<T> {
  return runInDurableObject(stubOf<ProbeActor>(key), (probe, state) => {
    if (!probe.be(key)) throw new Error(`the probe is not ${key}`);
    return work(probe, state);
  });
}

/** Does something inside the ledger of the probes. */
export function withinLedger<T>(work: (ledger: ProbeLedger) => T | Promise<T>): Promise<T> {
  return runInDurableObject(stubOf<ProbeLedger>("config"), (ledger) => work(ledger));
}

let probes = 0;

/** The key of a probe that no other test has touched. */
export function freshKey(kind: "resource" | "agent" | "inbox" = "resource"): ActorKey {
  probes += 1;
  return kind === "resource" ? `resource:probe:test/${probes}` : `${kind}:probe-${probes}`;
}
