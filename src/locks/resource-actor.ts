/** One resource: its lock, and the attributes that were last applied to it. */
import type { Caller } from "../actor/caller.ts";
import type { Commit } from "../actor/commit.ts";
import { ok, type Result } from "../actor/result.ts";
import type { JsonObject } from "../wire.ts";
import type { Lock } from "./contract.ts";
import { LockActor } from "./lock-actor.ts";
import type { AcquireCommand, ResourceApi, ResourceState } from "./lock-api.ts";
import type * as rules from "./lock-book.ts";
import type { LockName } from "./lock-table.ts";

/** The end of a successful change: the resource takes its new attributes and the lease is freed, in one commit. */
export interface AppliedEffect extends rules.Session {
  readonly do: "resource.applied";
  readonly fencing_token: number;
  /** absent: as they are */
  readonly attributes?: JsonObject;
  readonly task_id: string;
}

interface Stored extends ResourceState {
  /** fencing token of the last change: an older holder's late word changes nothing */
  readonly applied_token: number;
}

const UNTOUCHED: Stored = { attributes: {}, revision: 0, applied_token: 0 };

export class ResourceActor extends LockActor implements ResourceApi {
  /** As storage has it, once it was read. */
  #known: Stored | undefined;

  async state(key: string): Promise<ResourceState & { readonly lock?: Lock }> {
    if (!this.identify(key)) throw new Error("the address belongs to another key");
    const { attributes, revision } = this.#stored;
    const lock = this.currentLock(Date.now());
    return { attributes, revision, ...(lock !== undefined && { lock }) };
  }

  async take(
    caller: Caller,
    key: string,
    command: AcquireCommand,
  ): Promise<Result<{ lock: Lock; state: ResourceState }>> {
    const lock = await this.acquire(caller, key, command);
    if (!lock.ok) return lock;
    const { attributes, revision } = this.#stored;
    return ok({ lock: lock.value, state: { attributes, revision } });
  }

  protected override get lockName(): LockName {
    return { resource_type: "resource", resource_id: this.key.slice("resource:".length) };
  }

  protected override admit(): Result<null> {
    return ok(null);
  }

  protected override get ownMigrations(): readonly string[] {
    return [];
  }

  protected override receiveOther(tx: Commit, _caller: Caller, source: string, body: unknown): void {
    const effect = body as AppliedEffect;
    if (effect.do !== "resource.applied") throw new Error(`a resource knows no ${String(effect.do)} of ${source}`);
    this.#apply(tx, effect);
    this.releaseSession(tx, effect);
  }

  protected override onOtherTimer(name: string): void {
    throw new Error(`a resource has no timer ${name}`);
  }

  #apply(tx: Commit, effect: AppliedEffect): void {
    const before = this.#stored;
    const { attributes = before.attributes, fencing_token, task_id } = effect;
    if (fencing_token <= before.applied_token) return;
    const revision = before.revision + 1;
    const after: Stored = { attributes, revision, applied_token: fencing_token };
    tx.store.write("resource", after);
    tx.afterwards(() => {
      this.#known = after;
    });
    tx.journal({
      action: "resource.applied",
      subject_type: "resource",
      subject_id: this.lockName.resource_id,
      details: { task_id, revision, fencing_token },
    });
  }

  get #stored(): Stored {
    this.#known ??= (this.exists ? this.store.read<Stored>("resource") : undefined) ?? UNTOUCHED;
    return this.#known;
  }
}
