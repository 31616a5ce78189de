/**
 * One webhook: follows the workspace's events, keeps those that it wants, and sends them until they are taken
 * (docs/design/webhooks.md).
 */
import { Actor } from "../actor/actor.ts";
import type { Caller } from "../actor/caller.ts";
import { type Commit, housekeeper } from "../actor/commit.ts";
import type { ActorKey } from "../actor/remote.ts";
import { fail, ok, type Result } from "../actor/result.ts";
import type { Env } from "../env.ts";
import { causeOf, log } from "../log.ts";
import { RENEWAL_MS } from "../realtime/channel-api.ts";
import type { Event } from "../realtime/contract.ts";
import type { WebhookNotice } from "./configure.ts";
import type { Delivery } from "./contract.ts";
import { type Attempted, Courier } from "./courier.ts";
import { Deliveries } from "./deliveries.ts";
import { isGone } from "./delivery.ts";
import { DELIVERY_TABLE, DeliveryStore, type StoredDelivery } from "./delivery-store.ts";
import { Following } from "./following.ts";
import { messageFor } from "./message.ts";
import { post } from "./post.ts";
import { ATTEMPT_LOST_MS, configured, disabled, judged, nextLookAt, type Standing, sends } from "./standing.ts";
import { disabledAsGone, systemChannel } from "./system-channel.ts";
import { wants } from "./webhook.ts";
import type { DeliveriesPage, DeliveriesRequest, WebhookApi } from "./webhook-api.ts";

const FOLLOW_TIMER = "follow";
const DELIVER_TIMER = "deliver";
/** What failed, or died before it was done, is taken up again after this. */
const FOLLOW_RETRY_MS = 5_000;
/** Each write is durable and so is dear; an outcome that dies with the process only means one attempt more. */
const LINGER_MS = 20;
const DOCUMENT = "webhook";

export class WebhookActor extends Actor implements WebhookApi {
  readonly #stored: DeliveryStore;
  readonly #deliveries: Deliveries;
  readonly #courier: Courier;
  readonly #following: Following;
  /** Its `reached` runs ahead of what is on disk while nothing comes that is wanted. */
  #standing: Standing | undefined;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#stored = new DeliveryStore(ctx.storage.sql, this.store);
    this.#deliveries = new Deliveries({
      store: this.#stored,
      address: this.place.address,
      webhookId: () => this.#known().webhook.id,
    });
    this.#courier = new Courier({
      due: (limit) => (sends(this.#standing) ? this.#stored.due(Date.now(), limit) : []),
      attempt: (delivery) => this.#attempt(delivery),
      settle: (attempts) => this.#settle(attempts),
      linger: () => scheduler.wait(LINGER_MS),
    });
    this.#following = new Following({
      ...systemChannel(env, this.place.workspace, () => this.#known()),
      wanted: () => this.#standing?.webhook.enabled === true,
      reached: () => this.#standing?.reached ?? null,
      take: (events, reached) => this.#take(events, reached),
      failed: (thrown) => log("warn", "webhook.not_following", { actor: this.key, cause: causeOf(thrown) }),
    });
    if (!this.exists) return;
    this.#standing = this.store.read<Standing>(DOCUMENT);
    // The life before may have ended in the middle of an attempt.
    ctx.waitUntil(Promise.resolve().then(() => this.#deliver()));
  }

  // --- RPC

  async push(key: ActorKey, _channel: string, events: readonly Event[]): Promise<void> {
    if (!this.identify(key) || !this.exists) return;
    if (!(await this.#following.push(events))) this.#followSoon();
  }

  async deliveries(key: ActorKey, request: DeliveriesRequest): Promise<DeliveriesPage> {
    if (!this.identify(key) || !this.exists) return { rows: [], total: 0, more: false };
    return this.#deliveries.page(request);
  }

  async redeliver(caller: Caller, key: ActorKey, member: number): Promise<Result<Delivery>> {
    if (!this.identify(key) || !this.exists) return fail("NOT_FOUND", "there is no such delivery");
    const replay = this.replayed<Delivery>(caller);
    if (replay !== undefined) return replay;
    const delivery = this.#stored.get(member);
    if (delivery === undefined) return fail("NOT_FOUND", "there is no such delivery");
    if (!sends(this.#standing)) return disabled();
    const view = this.commit(caller, (tx) => {
      const restarted = this.#deliveries.restart(tx, delivery);
      tx.timerBy(DELIVER_TIMER, tx.now + ATTEMPT_LOST_MS);
      tx.remember(restarted);
      return restarted;
    });
    this.#deliver();
    return ok(view);
  }

  async sendTest(caller: Caller, key: ActorKey): Promise<Result<Delivery>> {
    if (!this.identify(key)) return fail("WEBHOOK_NOT_FOUND", `there is no ${key}`);
    const replay = this.replayed<number>(caller);
    if (replay?.ok === false) return replay;
    if (replay === undefined && !sends(this.#standing)) return disabled();
    const n = replay?.value ?? this.commit(caller, (tx) => this.#keepTest(tx));
    this.#deliver();
    await this.#courier.settled(n);
    const delivery = this.#stored.get(n);
    if (delivery === undefined) return fail("NOT_FOUND", "the delivery was forgotten");
    const view = ok(this.#deliveries.view(delivery));
    return replay === undefined ? view : { ...view, replayed: true };
  }

  // --- kit

  protected override get migrations(): readonly string[] {
    return [DELIVERY_TABLE];
  }

  protected override receive(tx: Commit, _caller: Caller, source: ActorKey, body: unknown): void {
    if (source !== "config") throw new Error(`a webhook takes no effects of ${source}`);
    const notice = body as WebhookNotice;
    const next = notice.do === "webhook.removed" ? undefined : configured(this.#standing, notice.webhook);
    if (next === undefined) this.#stored.clear();
    this.#stand(tx, next);
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
    const waiting = active && this.#stored.nextAt() !== undefined;
    tx.timer(DELIVER_TIMER, waiting ? tx.now + ATTEMPT_LOST_MS : undefined);
  }

  #take(events: readonly Event[], reached: number): void {
    const standing = { ...this.#known(), reached };
    const wanted = events.filter((event) => wants(standing.webhook, event));
    if (wanted.length === 0 && events.length > 0) {
      this.#standing = standing;
      return;
    }
    this.#housekeep((tx) => {
      this.#deliveries.keep(tx, wanted);
      if (wanted.length > 0) tx.timerBy(DELIVER_TIMER, tx.now + ATTEMPT_LOST_MS);
      tx.store.write(DOCUMENT, standing);
      tx.afterwards(() => {
        this.#standing = standing;
      });
    });
    this.#deliver();
  }

  #keepTest(tx: Commit): number {
    const n = this.#deliveries.keepTest(tx, this.#known().webhook);
    tx.timerBy(DELIVER_TIMER, tx.now + ATTEMPT_LOST_MS);
    tx.remember(n);
    return n;
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
    this.#housekeep((tx) => this.#stand(tx, judged(standing, isDisabled)));
  }

  // --- delivering

  #deliver(): void {
    const failed = (thrown: unknown) => {
      log("error", "webhook.not_delivering", { actor: this.key, cause: causeOf(thrown) });
    };
    this.ctx.waitUntil(this.#courier.run().catch(failed));
  }

  async #attempt(delivery: StoredDelivery) {
    const { view, event } = this.#deliveries.outgoing(delivery);
    const message = await messageFor(this.env, this.place, this.#known().webhook, view, event);
    return post(message, this.env.WEBHOOK_ALLOW_PRIVATE === "1");
  }

  #settle(attempts: readonly Attempted[]): void {
    const url = attempts.some(({ outcome }) => isGone(outcome)) ? this.#standing?.webhook.url : undefined;
    this.#housekeep((tx) => {
      this.#deliveries.settle(tx, attempts, Math.random);
      if (url !== undefined) this.#stand(tx, { ...this.#known(), gone: url });
      tx.timer(DELIVER_TIMER, this.#nextAttemptAt(tx.now));
    });
  }

  #nextAttemptAt(now: number): number | undefined {
    return nextLookAt(sends(this.#standing) ? this.#stored.nextAt() : undefined, now);
  }

  // --- internals

  #known(): Standing {
    if (this.#standing === undefined) throw new Error("this webhook is not configured");
    return this.#standing;
  }

  #housekeep<T>(work: (tx: Commit) => T): T {
    return this.commit(housekeeper(this.place.workspace), work);
  }
}
