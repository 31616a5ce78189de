/** What others may ask of a webhook's actor. Routes look into D1 first: it is only asked about webhooks that exist. */
import type { ActorApi } from "../actor/actor-api.ts";
import type { Caller } from "../actor/caller.ts";
import type { NumberedPage, NumberedRequest } from "../actor/numbered-page.ts";
import { type ActorKey, actorOf, type Remote } from "../actor/remote.ts";
import type { Result } from "../actor/result.ts";
import type { Env } from "../env.ts";
import type { HubApi } from "../realtime/channel-api.ts";
import type { Delivery } from "./contract.ts";

export interface DeliveriesRequest extends NumberedRequest {
  readonly status?: Delivery["status"];
}

export type DeliveriesPage = NumberedPage<{ readonly n: number; readonly delivery: Delivery }>;

/** `key`: the actor's own, as for every actor whose address is a hash. */
export interface WebhookApi extends ActorApi, HubApi {
  deliveries(key: ActorKey, request: DeliveriesRequest): Promise<DeliveriesPage>;
  /** Sends the delivery with this member again from the beginning, under the same `webhook-id`. */
  redeliver(caller: Caller, key: ActorKey, member: number): Promise<Result<Delivery>>;
  /** Sends a `webhook.test` and answers how the first attempt went. */
  sendTest(caller: Caller, key: ActorKey): Promise<Result<Delivery>>;
}

export function webhookKey(id: string): ActorKey {
  return `webhook:${id}`;
}

export function webhookAt(env: Env, workspace: string, id: string): Remote<WebhookApi> {
  return actorOf<WebhookApi>(env, workspace, webhookKey(id));
}
