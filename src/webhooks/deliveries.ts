/** What becomes of a webhook's deliveries, each step as a part of a commit of its actor; what was given up stands in the trail. */
import type { Commit } from "../actor/commit.ts";
import type { Address } from "../actor/ids.ts";
import type { Event } from "../realtime/contract.ts";
import type { Delivery } from "./contract.ts";
import type { Attempted } from "./courier.ts";
import { again, attempted, firstOf } from "./delivery.ts";
import type { DeliveryStore, StoredDelivery } from "./delivery-store.ts";
import { deliveryView } from "./delivery-view.ts";
import { overflowed, tellOverflow } from "./overflow.ts";
import type { WebhookRecord } from "./webhook.ts";
import type { DeliveriesPage, DeliveriesRequest } from "./webhook-api.ts";

const OVERFLOW_DOCUMENT = "overflow";

interface Dependencies {
  readonly store: DeliveryStore;
  /** of the webhook's actor */
  readonly address: Address;
  readonly webhookId: () => string;
}

export class Deliveries {
  readonly #deps: Dependencies;

  constructor(deps: Dependencies) {
    this.#deps = deps;
  }

  view(delivery: StoredDelivery): Delivery {
    return deliveryView(this.#deps.address, delivery);
  }

  /** Newest first. */
  page(request: DeliveriesRequest): DeliveriesPage {
    const found = this.#deps.store.page(request);
    const rows = found.slice(0, request.limit).map((one) => ({ n: one.n, delivery: this.view(one) }));
    return { rows, total: this.#deps.store.count(request.status ?? null), more: found.length > request.limit };
  }

  /** Events that are to be sent, due at once; beyond what may wait the oldest are parked. */
  keep(tx: Commit, events: readonly Event[]): void {
    for (const event of events) this.#keep(tx, event);
    const { store } = this.#deps;
    const parked = overflowed(store.waiting, tx.now);
    if (parked.length === 0) return;
    for (const one of parked) store.save(one);
    const { tells, told } = tellOverflow(tx.store.read(OVERFLOW_DOCUMENT), parked.length, tx.now);
    tx.store.write(OVERFLOW_DOCUMENT, told);
    if (tells > 0) this.#tell(tx, "webhook.overflowed", { parked: tells });
  }

  /** A `webhook.test`, which stands in no trail; answers the number of its delivery. */
  keepTest(tx: Commit, { id, name }: Pick<WebhookRecord, "id" | "name">): number {
    const timestamp = new Date(tx.now).toISOString();
    const payload = { webhook_id: id, name };
    return this.#keep(tx, { event: "webhook.test", timestamp, channel: "system", seq: 0, prev: 0, payload });
  }

  /** What is sent of it. */
  outgoing(delivery: StoredDelivery): { readonly view: Delivery; readonly event: Event } {
    const event = this.#deps.store.eventOf(delivery.n);
    if (event === undefined) throw new Error(`delivery ${delivery.n} has no event`);
    return { view: this.view(delivery), event };
  }

  /** From the beginning. */
  restart(tx: Commit, delivery: StoredDelivery): Delivery {
    const restarted = { ...delivery, ...again(delivery, tx.now) };
    this.#deps.store.save(restarted);
    this.#tell(tx, "webhook.redelivered", this.#detailsOf(delivery));
    return this.view(restarted);
  }

  /** Writes down how attempts ended. */
  settle(tx: Commit, attempts: readonly Attempted[], random: () => number): void {
    for (const { delivery, outcome } of attempts) {
      const current = this.#deps.store.get(delivery.n);
      // Parked or forgotten meanwhile.
      if (current?.status !== "waiting") continue;
      const next = { ...current, ...attempted(current, outcome, tx.now, random()) };
      this.#deps.store.save(next);
      if (next.status === "parked") this.#tell(tx, "webhook.parked", this.#detailsOf(next));
    }
  }

  #keep(tx: Commit, event: Event): number {
    const n = tx.member();
    this.#deps.store.add({ ...firstOf(tx.now), n, event: event.event, seq: event.seq }, event);
    return n;
  }

  #tell(tx: Commit, action: string, details: Record<string, unknown>): void {
    tx.journal({ action, subject_type: "webhook", subject_id: this.#deps.webhookId(), details });
  }

  #detailsOf(delivery: StoredDelivery): Record<string, unknown> {
    const { id, event, seq, attempts, last_status, last_error } = this.view(delivery);
    const why = { ...(last_status !== undefined && { last_status }), ...(last_error !== undefined && { last_error }) };
    return { delivery_id: id, event, event_seq: seq, attempts, ...why };
  }
}
