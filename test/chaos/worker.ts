/** The worker as it is deployed, in chaos: its actors, its database and its clock fail as they are told to. */
import type { Actor } from "../../src/actor/actor.ts";
import { actorOf } from "../../src/actor/remote.ts";
import type { Env } from "../../src/env.ts";
import worker, * as actors from "../../src/worker.ts";
import { CHAOS_PATH, type Debt, type Faults } from "./faults.ts";
import { beset, deadlyDatabase, disturbDatabase, evict, skewAlarms, withOwnClocks } from "./mishaps.ts";

const WORKSPACE = "default";

/** What is looked at from outside, whatever the actor. */
interface Indebted {
  readonly debt: (actor: string) => Debt;
}

function inChaos(
  Base: abstract new (ctx: DurableObjectState, env: Env) => Actor,
  envOf: (ctx: DurableObjectState, env: Env) => Env = (_, env) => env,
) {
  abstract class InChaos extends Base {
    constructor(ctx: DurableObjectState, env: Env) {
      skewAlarms(ctx.storage);
      super(ctx, envOf(ctx, env));
    }

    /** Straight from the tables of the kit: what memory believes makes no difference. */
    debt(actor: string): Debt {
      if (!this.exists) return { actor, effects: 0, unshipped: 0 };
      const owed = this.ctx.storage.sql.exec<{ effects: number; unshipped: number }>(
        "SELECT (SELECT count(*) FROM outbox) AS effects, max(0, head_seq - shipped) AS unshipped FROM actor",
      );
      return { actor, ...owed.one() };
    }
  }
  return withOwnClocks(InChaos);
}

export const TaskActor = inChaos(actors.TaskActor);
export const ResourceActor = inChaos(actors.ResourceActor);
export const AgentActor = inChaos(actors.AgentActor);
export const InboxActor = inChaos(actors.InboxActor);
export const CoordinatorActor = inChaos(actors.CoordinatorActor);
export const DispatchActor = inChaos(actors.DispatchActor);
export const LedgerActor = inChaos(actors.LedgerActor, (ctx, env) => ({ ...env, DB: deadlyDatabase(ctx, env.DB) }));
export const HubActor = inChaos(actors.HubActor);
export const WebhookActor = inChaos(actors.WebhookActor);

export default {
  async fetch(request: Request, env: Env, ctx: ExecutionContext): Promise<Response> {
    disturbDatabase(env.DB);
    ctx.waitUntil(evict((key) => actorOf(env, WORKSPACE, key) as unknown as DurableObjectStub));
    if (new URL(request.url).pathname !== CHAOS_PATH) return worker.fetch(request, env, ctx);
    if (request.method === "PUT") return Response.json(beset(await request.json<Faults>()));
    const keys = await request.json<string[]>();
    return Response.json(await Promise.all(keys.map((key) => actorOf<Indebted>(env, WORKSPACE, key).debt(key))));
  },
};
