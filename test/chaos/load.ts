/** Clients in chaos: they take locks, and carry changes through every way that a life can go, whatever fails under them. */
import { setTimeout as pause } from "node:timers/promises";
import { expect } from "vitest";
import type { BatchAnswer } from "../../src/approvals/batch-contract.ts";
import type { ApprovalRequest } from "../../src/approvals/contract.ts";
import type { DelegationPolicy } from "../../src/approvals/delegation-contract.ts";
import type { Lock } from "../../src/locks/contract.ts";
import type { Task } from "../../src/tasks/task-contract.ts";
import { Acknowledged } from "../support/acknowledged.ts";
import { type Cast, draftOf, written } from "../support/main-job.ts";
import { Persistent } from "../support/persistent.ts";
import type { Random } from "../support/random.ts";
import type { Answer, Session } from "../support/wire.ts";
import { Facts } from "./facts.ts";

/** Resources that changes and lockers fight for. */
export const RESOURCES = ["c0", "c1", "c2", "c3"] as const;
export const keyOf = (resource: string) => `configuration:prod/${resource}`;
/** So long that no lease of a client that goes on ends by itself. */
const LONG_S = 300;
const POLL_MS = 25;
/** After the load has stopped, what is under way may take so long to end (ms). */
const ENDING_MS = 60_000;
const ENDED: readonly string[] = ["COMPLETED", "CANCELLED", "REJECTED"];

export class Load {
  readonly acknowledged = new Acknowledged();
  readonly facts = new Facts();
  readonly tasks: string[] = [];
  operations = 0;
  /** Answers of 5xx, by code. */
  readonly unavailable: Record<string, number> = {};
  readonly #cast: Cast;
  readonly #random: Random;
  #stopped: number | undefined;

  constructor(cast: Cast, random: Random) {
    this.#cast = cast;
    this.#random = random;
  }

  /** Works until {@link stop}, then brings what is under way to its end. Rejects on an answer that no fault explains. */
  async run(): Promise<void> {
    const { agent, heir } = this.#cast;
    await Promise.all([
      ...[agent, heir, agent].map((who, at) => this.#takesLocks(this.#client(who), `session-${at}`)),
      ...Array.from({ length: 5 }, () => this.#files()),
      this.#delegates(),
    ]);
  }

  stop(): void {
    this.#stopped = Date.now();
  }

  get #isGoing(): boolean {
    return this.#stopped === undefined;
  }

  #client(session: Session): Persistent {
    return new Persistent(session, ({ status, body }) => {
      this.operations += 1;
      if (status < 500) return false;
      const code = (body as { error?: { code?: string } } | undefined)?.error?.code ?? String(status);
      this.unavailable[code] = (this.unavailable[code] ?? 0) + 1;
      return true;
    });
  }

  async #takesLocks(client: Persistent, session_id: string): Promise<void> {
    while (this.#isGoing) {
      const lock = await this.#acquired(client, session_id);
      if (lock === undefined) continue;
      this.acknowledged.granted(lock);
      await pause(this.#random.between(0, 60));
      const beat = await client.post<Lock>("/locks/heartbeat", { lock_id: lock.id, ttl_extension_seconds: LONG_S });
      expect(beat, "a heartbeat of a lease that is held").toMatchObject({
        status: 200,
        body: { id: lock.id, fencing_token: lock.fencing_token },
      });
      this.acknowledged.releasing(lock);
      expect((await client.post("/locks/release", { lock_id: lock.id })).status).toBe(204);
      this.acknowledged.released(lock);
    }
  }

  async #acquired(client: Persistent, session_id: string): Promise<Lock | undefined> {
    const wanted = {
      resource_type: "resource",
      resource_id: keyOf(this.#random.pick(RESOURCES)),
      mode: this.#random.chance(0.7) ? "exclusive" : "shared",
      ttl_seconds: LONG_S,
      wait_for_available: this.#random.chance(0.7),
      max_wait_seconds: LONG_S,
      session_id,
    };
    const answer = await client.post<Lock>("/locks/acquire", wanted);
    if (answer.status === 423) return undefined;
    expect([201, 202], told(answer)).toContain(answer.status);
    let lock = answer.body;
    if (lock.status === "queued") this.acknowledged.queued(lock);
    while (lock.status === "queued") {
      await pause(POLL_MS);
      const seen = await client.get<Lock>(`/locks/${lock.id}`);
      expect(seen.status, told(seen)).toBe(200);
      lock = seen.body;
    }
    return lock;
  }

  /** One change after the other, each led to its end from whatever state it is found in. */
  async #files(): Promise<void> {
    const author = this.#client(this.#cast.author);
    while (this.#isGoing) {
      const names = new Set([this.#random.pick(RESOURCES), this.#random.pick(RESOURCES)]);
      const resources = [...names].map((name) => written("configuration", name));
      const draft = draftOf("alice", resources, { parameters: { n: this.tasks.length }, max_attempts: 3 });
      const filed = await author.post<Task>("/tasks", draft);
      expect(filed.status, told(filed)).toBe(201);
      this.tasks.push(filed.body.id);
      this.facts.once(filed.body.id, "task.created");
      await this.#leads(author, filed.body.id);
    }
  }

  async #leads(author: Persistent, id: string): Promise<void> {
    for (;;) {
      const seen = await author.get<Task>(`/tasks/${id}`);
      expect(seen.status, `an acknowledged task: ${told(seen)}`).toBe(200);
      if (ENDED.includes(seen.body.state)) return;
      if (this.#stopped !== undefined && Date.now() > this.#stopped + ENDING_MS) {
        throw new Error(`task ${id} did not come to its end: ${told(seen)}`);
      }
      await this.#advances(author, seen.body);
    }
  }

  async #advances(author: Persistent, task: Task): Promise<void> {
    const path = `/tasks/${task.id}`;
    if (this.#random.chance(0.05)) {
      const said = await this.#done(author, 201, `${path}/comments`, { body: "and why?" });
      if (said) this.facts.atLeastOnce(task.id, "task.commented");
    }
    if (this.#random.chance(0.02) && (await this.#done(author, 200, `${path}/cancel`))) {
      this.facts.once(task.id, "task.cancelled");
      return;
    }
    switch (task.state) {
      case "DRAFT": {
        const edit = { config: { parameters: { n: this.#random.between(0, 1) } } };
        if (this.#random.chance(0.3)) await author.write("PATCH", path, edit);
        if (await this.#done(author, 202, `${path}/submit`)) this.facts.atLeastOnce(task.id, "task.submitted");
        return;
      }
      case "REVIEWING":
        return this.#reviews(task);
      case "APPROVED": {
        const agent = this.#client(this.#random.pick([this.#cast.agent, this.#cast.heir]));
        if (await this.#done(agent, 200, `${path}/apply`)) this.facts.atLeastOnce(task.id, "task.applying");
        return pause(POLL_MS);
      }
      case "APPLYING":
        return this.#works(task);
      default:
        return pause(POLL_MS);
    }
  }

  async #works(task: Task): Promise<void> {
    const { agent, heir } = this.#cast;
    const worker = this.#client(task.execution?.agent_id === heir.id ? heir : agent);
    const path = `/tasks/${task.id}`;
    await this.#done(worker, 200, `${path}/heartbeat`, { progress: 50 });
    const result = this.#random.chance(0.85) ? "success" : "failure";
    if (await this.#done(worker, 200, `${path}/complete`, { result })) {
      this.facts.once(task.id, "task.completed");
    }
  }

  async #reviews(task: Task): Promise<void> {
    const pending = task.approval_requests.filter(({ status }) => status === "PENDING");
    const request = pending[Math.floor(this.#random.between(0, pending.length))];
    const session = this.#cast.reviewers.find(({ id }) => id === request?.reviewer_id);
    if (request === undefined || session === undefined) return pause(POLL_MS);
    const reviewer = this.#client(session);
    if (this.#random.chance(0.3)) return this.#decidesBatch(reviewer);
    const other = this.#cast.reviewers.find(({ id }) => id !== session.id);
    const [body, action] = this.#random.pick([
      [{ action: "approve" }, "approval.approved"],
      [{ action: "approve" }, "approval.approved"],
      [{ action: "approve" }, "approval.approved"],
      [{ action: "request_changes", reason: "not like this" }, "approval.changes_requested"],
      [{ action: "delegate", delegate_to: other?.id, reason: "you know it better" }, "approval.delegated"],
    ]);
    const rejects = this.#random.chance(0.05);
    const answer = rejects ? { action: "reject", reason: "no" } : body;
    if (await this.#done(reviewer, 200, `/approvals/${request.id}/respond`, answer)) {
      this.facts.once(request.id, rejects ? "approval.rejected" : action);
    }
  }

  async #decidesBatch(reviewer: Persistent): Promise<void> {
    const inbox = await reviewer.get<{ approvals: ApprovalRequest[] }>("/approvals?limit=5");
    expect(inbox.status, told(inbox)).toBe(200);
    const approval_ids = inbox.body.approvals.map(({ id }) => id);
    if (approval_ids.length === 0) return pause(POLL_MS);
    const options = { continue_on_error: this.#random.chance(0.5) };
    const answer = await reviewer.post<BatchAnswer>("/approvals/batch", { approval_ids, action: "approve", options });
    if (answer.status !== 200) expect([403, 409], told(answer)).toContain(answer.status);
    else
      for (const one of answer.body.results) {
        // Where it names two requests of one change, the first may end the review and so supersede the other.
        if (one.success) this.facts.atLeastOnce(one.approval_id, "approval.approved", "approval.superseded");
      }
  }

  /** One reviewer goes away for a while and comes back, again and again. */
  async #delegates(): Promise<void> {
    const [bob, carol] = this.#cast.reviewers;
    const reviewer = this.#client(bob);
    while (this.#isGoing) {
      const made = await reviewer.post<DelegationPolicy>("/approvals/policies", { delegate_to: carol.id });
      expect(made.status, told(made)).toBe(201);
      await pause(this.#random.between(100, 1_000));
      const gone = await reviewer.write("DELETE", `/approvals/policies/${made.body.id}`, undefined);
      expect([204, 404], told(gone)).toContain(gone.status);
      await pause(this.#random.between(500, 3_000));
    }
  }

  /** Whether it was done; fails on an answer that neither says so nor that somebody else was first. */
  async #done(client: Persistent, expected: number, path: string, body?: unknown): Promise<boolean> {
    const answer = await client.post(path, body);
    if (answer.status === expected) return true;
    expect([200, 202, 403, 409], `${path}: ${told(answer)}`).toContain(answer.status);
    return false;
  }
}

function told({ status, body }: Answer<unknown>): string {
  return `${status} ${JSON.stringify(body)}`;
}
