/** A delivery as it is served, and what of it is sent (docs/design/webhooks.md). Pure. */
import { type Address, idOf } from "../actor/ids.ts";
import { timestamp } from "../actor/timestamp.ts";
import type { Event } from "../realtime/contract.ts";
import type { Delivery } from "./contract.ts";
import type { StoredDelivery } from "./delivery-store.ts";

/** `at`: the address of the webhook's actor, whose members deliveries are. */
export function deliveryView(at: Address, delivery: StoredDelivery): Delivery {
  const { n, event, seq, status, attempts, next_at, last_status, last_error, created_at, ended_at } = delivery;
  return {
    id: idOf(at, n),
    event,
    seq,
    status,
    attempts,
    ...(next_at !== null && { next_at: timestamp(next_at) }),
    ...(last_status !== null && { last_status }),
    ...(last_error !== null && { last_error }),
    created_at: timestamp(created_at),
    ...(ended_at !== null && { ended_at: timestamp(ended_at) }),
  };
}

/** The message of format `json`, as Standard Webhooks has it: the same at every attempt. */
export function jsonMessage(workspace: string, { event, timestamp, seq, payload }: Event): string {
  return JSON.stringify({ type: event, timestamp, data: { ...payload, workspace, seq } });
}
