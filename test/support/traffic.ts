/** Clients that never stop: some take and free locks, some carry changes through the main job, over any crash of the server. */
import { setTimeout as pause } from "node:timers/promises";
import { expect } from "vitest";
import type { Lease, Lock } from "../../src/locks/contract.ts";
import type { Task } from "../../src/tasks/task-contract.ts";
import { Acknowledged } from "./acknowledged.ts";
import { type Cast, draftOf, written } from "./main-job.ts";
import { Persistent } from "./persistent.ts";
import type { Random } from "./random.ts";
import type { Answer, Session } from "./wire.ts";

const LOCKS = ["database:prod/a", "database:prod/b", "service:prod/c"] as const;
/** Longer than a test, so that no lease ends by itself. */
const LONG_S = 120;
const POLL_MS = 15;

export class Traffic {
  readonly acknowledged = new Acknowledged();
  /** Changes that were completed, by the resource that each of them moved on. */
  readonly completed = new Map<string, number>();
  readonly #cast: Cast;
  readonly #random: Random;
  readonly #clients: Persistent[] = [];
  #going = true;

  constructor(cast: Cast, random: Random) {
    this.#cast = cast;
    this.#random = random;
  }

  /** Answers that were lost in crashes. */
  get lost(): number {
    return this.#clients.reduce((sum, { lost }) => sum + lost, 0);
  }

  /** Runs until {@link stop}, then brings what is under way to its end. */
  async run(): Promise<void> {
    const { agent, heir } = this.#cast;
    const lockers = [agent, heir, agent, heir].map((who, at) => this.#takesLocks(this.#client(who), `session-${at}`));
    const drivers = ["x", "y"].map((id) => this.#carriesChanges(id));
    await Promise.all([...lockers, ...drivers]);
  }

  stop(): void {
    this.#going = false;
  }

  #client(session: Session): Persistent {
    const client = new Persistent(session);
    this.#clients.push(client);
    return client;
  }

  async #takesLocks(client: Persistent, session_id: string): Promise<void> {
    while (this.#going) {
      const lock = await this.#acquired(client, session_id);
      if (lock === undefined) continue;
      this.acknowledged.granted(lock);
      while (this.#random.chance(0.5)) {
        const body = { lock_id: lock.id, ttl_extension_seconds: LONG_S };
        const beat = said(200, await client.post<Lock>("/locks/heartbeat", body));
        expect(beat).toMatchObject({ id: lock.id, status: "held", fencing_token: lock.fencing_token });
        expect(Date.parse(beat.expires_at ?? "")).toBeGreaterThanOrEqual(Date.parse(lock.expires_at ?? ""));
      }
      await this.#release(client, lock);
      const gone = await client.get<{ error?: { details?: unknown } }>(`/locks/${lock.id}`);
      expect([gone.status, gone.body.error?.details]).toEqual([404, { ended_reason: "released" }]);
    }
  }

  /** A lease; undefined if others had the lock and the client did not want to wait, or lost its patience. */
  async #acquired(client: Persistent, session_id: string): Promise<Lock | undefined> {
    const wanted = {
      resource_type: "resource",
      resource_id: this.#random.pick(LOCKS),
      mode: this.#random.chance(0.7) ? "exclusive" : "shared",
      ttl_seconds: LONG_S,
      wait_for_available: this.#random.chance(0.6),
      max_wait_seconds: LONG_S,
      session_id,
    };
    const prefer = this.#random.chance(0.5) ? { Prefer: "wait=2" } : undefined;
    const answer = await client.post<Lock>("/locks/acquire", wanted, prefer);
    if (answer.status === 423) return undefined;
    let lock = said(answer.body.status === "held" ? 201 : 202, answer);
    if (lock.status === "queued") this.acknowledged.queued(lock);
    while (lock.status === "queued") {
      if (this.#random.chance(0.02)) {
        await this.#release(client, lock);
        return undefined;
      }
      await pause(POLL_MS);
      lock = said(200, await client.get<Lock>(`/locks/${lock.id}`));
    }
    return lock;
  }

  async #release(client: Persistent, lock: Lock): Promise<void> {
    this.acknowledged.releasing(lock);
    said(204, await client.post("/locks/release", { lock_id: lock.id }));
    this.acknowledged.released(lock);
  }

  /** One change after the other to a resource of its own: each has to find it as the one before left it. */
  async #carriesChanges(resource: string): Promise<void> {
    const author = this.#client(this.#cast.author);
    const reviewer = this.#client(this.#cast.reviewers[0]);
    const agent = this.#client(this.#cast.agent);
    const key = `configuration:prod/${resource}`;
    for (let n = 1; this.#going; n += 1) {
      const draft = draftOf("alice", [written("configuration", resource)], { parameters: { n } });
      const { id } = said(201, await author.post<Task>("/tasks", draft));
      const path = `/tasks/${id}`;
      await this.#stands(author, id, "DRAFT", "task.created");

      const submitted = said(202, await author.post<Task>(`${path}/submit`));
      await this.#stands(author, id, "REVIEWING", "task.submitted", "task.reviewing");
      const request = submitted.approval_requests.find(({ reviewer_id }) => reviewer_id === reviewer.session.id);
      said(200, await reviewer.post(`/approvals/${request?.id}/respond`, { action: "approve" }));
      await this.#stands(author, id, "APPROVED", "task.approved");

      const { leases } = said(200, await agent.post<{ leases: Lease[] }>(`${path}/apply`));
      for (const lease of leases) {
        if (lease.resource_id === key) this.acknowledged.granted({ ...lease, id: lease.lock_id });
      }
      await this.#stands(author, id, "APPLYING", "task.applying");
      for (const lease of leases) this.acknowledged.releasing({ id: lease.lock_id });
      said(200, await agent.post<Task>(`${path}/complete`, { result: "success" }));
      this.completed.set(key, n);
      await this.#stands(author, id, "COMPLETED", "task.completed", "resource.applied");
      const now = said(200, await author.get<object>(`/resources/configuration/${resource}?namespace=prod`));
      expect(now).toMatchObject({ revision: n, attributes: { n } });
    }
  }

  /** What was acknowledged of a task is so, even if the server died and came back since. */
  async #stands(reader: Persistent, id: string, state: Task["state"], ...actions: string[]): Promise<void> {
    this.acknowledged.task(id, ...actions);
    expect(said(200, await reader.get<Task>(`/tasks/${id}`))).toMatchObject({ id, state, revision: 1 });
  }
}

function said<Body>(status: number, answer: Answer<Body>): Body {
  expect(answer.status, JSON.stringify(answer.body)).toBe(status);
  return answer.body;
}
