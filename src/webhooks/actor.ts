/**
 * One webhook: follows the workspace's events, keeps those that it wants, and sends them until they are taken
 * (docs/design/webhooks.md).
 */
import { Actor } from "../actor/actor.ts";
import type { Caller } from "../actor/caller.ts";
import { type Commit, housekeeper } from "../actor/commit.ts";
import type { Happening } from "../actor/journal.ts";
import type { ActorKey } from "../actor/remote.ts";
import { fail, ok, type Result } from "../actor/result.ts";
import type { Env } from "../env.ts";
import { causeOf, log } from "../log.ts";
import { RENEWAL_MS } from "../realtime/channel-api.ts";
import type { Event } from "../realtime/contract.ts";
import type { WebhookNotice } from "./configure.ts";
import type { Delivery } from "./contract.ts";
import { type Attempted, Courier } from "./courier.ts";
import { again, attempted, firstOf, isGone, parked } from "./delivery.ts";
import { DELIVERY_TABLE, DeliveryStore, MAX_WAITING, type StoredDelivery } from "./delivery-store.ts";
import { deliveryView } from "./delivery-view.ts";
import { Following } from "./following.ts";
import { messageFor } from "./message.ts";
import { post } from "./post.ts";
import { disabledAsGone, systemChannel } from "./system-channel.ts";
import { type WebhookRecord, wants } from "./webhook.ts";
import type { DeliveriesPage, DeliveriesRequest, WebhookApi } from "./webhook-api.ts";

const FOLLOW_TIMER = "follow";
const DELIVER_TIMER = "deliver";
/** What failed, or died before it was done, is taken up again after this. */
const FOLLOW_RETRY_MS = 5_000;
/** Longer than an attempt may take: then the process that made it has died. */
const ATTEMPT_LOST_MS = 20_000;
const DOCUMENT = "webhook";

/** The webhook as of the last word on it, and how far it is. */
interface Standing {
  readonly webhook: WebhookRecord;
  /** RFC 3339: it is told of what happened after this. */
  readonly since: string;
  /** seq of the last event that was looked at; null until it is known which one was the last before `since` */
  readonly reached: number | null;
  /** Where somebody said 410: nothing is sent there any more. */
  readonly gone?: string;
}

export class WebhookActor extends Actor implements WebhookApi {
  readonly #deliveries: DeliveryStore;
  readonly #courier: Courier;
  readonly #following: Following;
  /** Its `reached` runs ahead of what is on disk while nothing comes that is wanted. */
  #standing: Standing | undefined;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#deliveries = new DeliveryStore(ctx.storage.sql, this.store);
    this.#courier = new Courier({
      due: (limit) => (this.#sends ? this.#deliveries.due(Date.now(), limit) : []),
      attempt: (delivery) => this.#attempt(delivery),
      settle: (attempts) => this.#settle(attempts),
    });
    this.#following = new Following({
      ...systemChannel(env, this.place.workspace, () => this.#known()),
      wanted: () => this.#standing?.webhook.enabled === true,
      reached: () => this.#standing?.reached ?? null,
      take: (events, reached) => this.#take(events, reached),
    });
    if (this.exists) this.#standing = this.store.read<Standing>(DOCUMENT);
  }

  // --- RPC

  async push(key: ActorKey, _channel: string, events: readonly Event[]): Promise<void> {
    if (!this.identify(key) || !this.exists) return;
    if (!(await this.#following.push(events))) this.#followSoon();
  }

  async deliveries(key: ActorKey, request: DeliveriesRequest): Promise<DeliveriesPage> {
    if (!this.identify(key) || !this.exists) return { rows: [], total: 0, more: false };
    const found = this.#deliveries.page(request);
    const rows = found.slice(0, request.limit).map((one) => ({ n: one.n, delivery: this.#view(one) }));
    return { rows, total: this.#deliveries.count(request.status ?? null), more: found.length > request.limit };
  }

  async redeliver(caller: Caller, key: ActorKey, member: number): Promise<Result<Delivery>> {
    if (!this.identify(key) || !this.exists) return fail("NOT_FOUND", "there is no such delivery");
    const replay = this.replayed<Delivery>(caller);
    if (replay !== undefined) return replay;
    const delivery = this.#deliveries.get(member);
    if (delivery === undefined) return fail("NOT_FOUND", "there is no such delivery");
    if (!this.#sends) return disabled();
    const view = this.commit(caller, (tx) => {
      const restarted = { ...delivery, ...again(delivery, tx.now) };
      this.#deliveries.save(restarted);
      tx.journal(this.#about("webhook.redelivered", this.#detailsOf(delivery)));
      tx.timerBy(DELIVER_TIMER, tx.now + ATTEMPT_LOST_MS);
      tx.remember(this.#view(restarted));
      return this.#view(restarted);
    });
    this.#deliver();
    return ok(view);
  }

  async sendTest(caller: Caller, key: ActorKey): Promise<Result<Delivery>> {
    if (!this.identify(key)) return fail("WEBHOOK_NOT_FOUND", `there is no ${key}`);
    const replay = this.replayed<number>(caller);
    if (replay?.ok === false) return replay;
    if (replay === undefined && !this.#sends) return disabled();
    const n = replay?.value ?? this.commit(caller, (tx) => this.#keepTest(tx));
    this.#deliver();
    await this.#courier.settled(n);
    const delivery = this.#deliveries.get(n);
    if (delivery === undefined) return fail("NOT_FOUND", "the delivery was forgotten");
    return replay === undefined ? ok(this.#view(delivery)) : { ...ok(this.#view(delivery)), replayed: true };
  }

  // --- kit

  protected override get migrations(): readonly string[] {
    return [DELIVERY_TABLE];
  }

  protected override receive(tx: Commit, _caller: Caller, source: ActorKey, body: unknown): void {
    if (source !== "config") throw new Error(`a webhook takes no effects of ${source}`);
    const notice = body as WebhookNotice;
    if (notice.do === "webhook.removed") {
      this.#deliveries.clear();
      this.#stand(tx, undefined);
      return;
    }
    const { webhook } = notice;
    const before = this.#standing;
    // What happens while it is disabled is not told later on.
    const goesOn = before?.webhook.enabled === true && webhook.enabled;
    const { since, reached } = goesOn ? before : { since: webhook.updated_at, reached: null };
    this.#stand(tx, { webhook, since, reached });
  }

  protected override onTimer(name: string, now: number): void {
    switch (name) {
      case FOLLOW_TIMER:
        this.#housekeep((tx) => {
          tx.timer(name, now + RENEWAL_MS);
          if (this.#standing !== undefined) tx.store.write(DOCUMENT, this.#standing);
        });
        this.#follow();
        return;
      case DELIVER_TIMER:
        this.#housekeep((tx) => tx.timer(name, this.#nextAttemptAt(tx.now)));
        this.#deliver();
        return;
      default:
        throw new Error(`a webhook has no timer ${name}`);
    }
  }

  // --- following

  /** Takes the last word on the webhook, and sets out to do what follows from it. */
  #stand(tx: Commit, standing: Standing | undefined): void {
    const active = standing?.webhook.enabled === true;
    if (standing === undefined) tx.store.erase(DOCUMENT);
    else tx.store.write(DOCUMENT, standing);
    tx.timer(FOLLOW_TIMER, active ? tx.now + FOLLOW_RETRY_MS : undefined);
    tx.afterwards(() => {
      this.#standing = standing;
      if (!active) return;
      this.#follow();
      this.#deliver();
    });
    const waiting = active && this.#deliveries.nextAt() !== undefined;
    tx.timer(DELIVER_TIMER, waiting ? tx.now + ATTEMPT_LOST_MS : undefined);
  }

  #take(events: readonly Event[], reached: number): void {
    const { webhook } = this.#known();
    const standing = { ...this.#known(), reached };
    const wanted = events.filter((event) => wants(webhook, event));
    if (wanted.length === 0 && events.length > 0) {
      this.#standing = standing;
      return;
    }
    this.#housekeep((tx) => {
      for (const event of wanted) this.#keep(tx, event);
      this.#parkOverdue(tx);
      tx.store.write(DOCUMENT, standing);
      tx.afterwards(() => {
        this.#standing = standing;
      });
    });
    this.#deliver();
  }

  #keep(tx: Commit, event: Event): number {
    const n = tx.member();
    this.#deliveries.add({ ...firstOf(tx.now), n, event: event.event, seq: event.seq }, event);
    tx.timerBy(DELIVER_TIMER, tx.now + ATTEMPT_LOST_MS);
    return n;
  }

  #keepTest(tx: Commit): number {
    const { id, name } = this.#known().webhook;
    const timestamp = new Date(tx.now).toISOString();
    const payload = { webhook_id: id, name };
    const n = this.#keep(tx, { event: "webhook.test", timestamp, channel: "system", seq: 0, prev: 0, payload });
    tx.remember(n);
    return n;
  }

  #parkOverdue(tx: Commit): void {
    const overdue = this.#deliveries.overdue();
    if (overdue.length === 0) return;
    const why = `more than ${MAX_WAITING} waited`;
    for (const one of overdue) this.#deliveries.save({ ...one, ...parked(one, why, tx.now) });
    tx.journal(this.#about("webhook.overflowed", { parked: overdue.length }));
  }

  #follow(): void {
    this.ctx.waitUntil(this.#followOrRetry());
  }

  async #followOrRetry(): Promise<void> {
    const standing = this.#standing;
    if (standing?.gone !== undefined) return this.#disable(standing);
    if (!(await this.#following.follow())) this.#followSoon();
  }

  #followSoon(): void {
    if (this.#standing?.webhook.enabled) this.#housekeep((tx) => tx.timerBy(FOLLOW_TIMER, tx.now + FOLLOW_RETRY_MS));
  }

  /** Somebody said that it is gone: so it shall stand in the configuration, unless an admin has changed it since. */
  async #disable(standing: Standing): Promise<void> {
    const isDisabled = await disabledAsGone(this.env, this.place.workspace, standing.webhook);
    if (isDisabled === undefined) return this.#followSoon();
    if (this.#standing?.webhook.updated_at !== standing.webhook.updated_at) return;
    const { gone: _, ...rest } = standing;
    const webhook = { ...standing.webhook, enabled: !isDisabled };
    this.#housekeep((tx) => this.#stand(tx, { ...rest, webhook }));
  }

  // --- delivering

  get #sends(): boolean {
    return this.#standing?.webhook.enabled === true && this.#standing.gone === undefined;
  }

  #deliver(): void {
    const run = this.#courier.run().catch((thrown: unknown) => {
      log("error", "webhook.not_delivering", { actor: this.key, cause: causeOf(thrown) });
    });
    this.ctx.waitUntil(run);
  }

  async #attempt(delivery: StoredDelivery) {
    const event = this.#deliveries.eventOf(delivery.n);
    if (event === undefined) throw new Error(`delivery ${delivery.n} has no event`);
    const { webhook } = this.#known();
    const message = await messageFor(this.env, this.place, webhook, this.#view(delivery), event);
    return post(message, this.env.WEBHOOK_ALLOW_PRIVATE === "1");
  }

  #settle(attempts: readonly Attempted[]): void {
    const url = attempts.some(({ outcome }) => isGone(outcome)) ? this.#standing?.webhook.url : undefined;
    this.#housekeep((tx) => {
      for (const { delivery, outcome } of attempts) {
        const current = this.#deliveries.get(delivery.n);
        // Parked or forgotten meanwhile.
        if (current?.status !== "waiting") continue;
        const next = { ...current, ...attempted(current, outcome, tx.now, Math.random()) };
        this.#deliveries.save(next);
        if (next.status === "parked") tx.journal(this.#about("webhook.parked", this.#detailsOf(next)));
      }
      if (url !== undefined) this.#stand(tx, { ...this.#known(), gone: url });
      tx.timer(DELIVER_TIMER, this.#nextAttemptAt(tx.now));
    });
  }

  #nextAttemptAt(now: number): number | undefined {
    const next = this.#sends ? this.#deliveries.nextAt() : undefined;
    // What is due is under way.
    return next !== undefined && next <= now ? now + ATTEMPT_LOST_MS : next;
  }

  // --- internals

  #known(): Standing {
    if (this.#standing === undefined) throw new Error("this webhook is not configured");
    return this.#standing;
  }

  #view(delivery: StoredDelivery): Delivery {
    return deliveryView(this.place.address, delivery);
  }

  #about(action: string, details: Record<string, unknown>): Happening {
    return { action, subject_type: "webhook", subject_id: this.#known().webhook.id, details };
  }

  #detailsOf(delivery: StoredDelivery): Record<string, unknown> {
    const { id, event, seq, attempts, last_status, last_error } = this.#view(delivery);
    const why = { ...(last_status !== undefined && { last_status }), ...(last_error !== undefined && { last_error }) };
    return { delivery_id: id, event, event_seq: seq, attempts, ...why };
  }

  #housekeep<T>(work: (tx: Commit) => T): T {
    return this.commit(housekeeper(this.place.workspace), work);
  }
}

function disabled(): Result<never> {
  const state = "disabled";
  return fail("INVALID_STATE", "this webhook is disabled; nothing is sent", { state, allowed: ["enable"] });
}
