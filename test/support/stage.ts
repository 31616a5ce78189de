/** A workspace of a test's own, with people, agents and tasks in few calls. Tests that use one each do not see each other. */
import { createExecutionContext, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { expect, vi } from "vitest";
import { actorName } from "../../src/actor/ids.ts";
import { type ActorKey, addressOfKey, namespaceOf } from "../../src/actor/remote.ts";
import type { ApprovalRequest } from "../../src/approvals/contract.ts";
import type { Lease, Lock } from "../../src/locks/contract.ts";
import type { Task } from "../../src/tasks/task-contract.ts";
import worker from "../../src/worker.ts";
import { type Answer, type Api, api, type ErrorBody, type Serve } from "./api.ts";

/** Far enough ahead that no alarm rings by itself while a test with a clock of its own runs. */
export const START = Date.parse("2090-01-01T00:00:00.000Z");

/** How busy the machine is decides nothing: less than the time limit of a test. */
const GIVEN_UP_MS = 40_000;
const LOOK_EVERY_MS = 10;

// A busy machine is no failure: what takes that long hangs.
vi.setConfig({ testTimeout: 60_000 });

/** The worker itself: through the runtime's loopback every request of a file costs more than the one before. */
const serve: Serve = async (request) => worker.fetch(request, env, createExecutionContext());

type Loose = Readonly<Record<string, unknown>>;

export interface Person extends Api {
  readonly id: string;
  readonly token: string;
  readonly token_id: string;
}

export interface Claimed {
  readonly task: Task;
  readonly leases: readonly Lease[];
}

export type Applied = Task & { readonly leases: readonly Lease[] };
export type Queued = Task & {
  readonly queue: readonly { resource_type: string; resource_id: string; queue_position: number }[];
};

export class Stage {
  readonly workspace: string;
  readonly root: Api;

  constructor(workspace = `t-${crypto.randomUUID()}`) {
    this.workspace = workspace;
    this.root = within(as(env.ROOT_TOKEN ?? ""), workspace);
  }

  // --- people

  async user(id: string, ...roles: string[]): Promise<Person> {
    return this.#principal("/users", { id, name: id, roles });
  }

  async agent(id: string, more: Loose = {}): Promise<Person> {
    return this.#principal("/agents", { id, name: id, ...more });
  }

  /** The usual people: one author, two reviewers, one agent. */
  async cast(): Promise<{ alice: Person; bob: Person; carol: Person; robo: Person }> {
    const [alice, bob, carol, robo] = await Promise.all([
      this.user("alice", "author"),
      this.user("bob", "reviewer"),
      this.user("carol", "reviewer"),
      this.agent("robo"),
    ]);
    return { alice, bob, carol, robo };
  }

  async #principal(path: string, body: { readonly id: string } & Loose): Promise<Person> {
    const made = ok<{ token: string; token_id: string }>(await this.root.post(path, body), 201);
    const { token, token_id } = made;
    return { ...as(token), id: body.id, token, token_id };
  }

  // --- tasks

  async draft(author: Person, config: Loose = {}, headers: Record<string, string> = {}): Promise<Task> {
    return ok(await author.post<Task>("/tasks", filed(author.id, config), headers), 201);
  }

  async submitted(author: Person, config: Loose = {}): Promise<Task> {
    const { id } = await this.draft(author, config);
    return ok(await author.post<Task>(`/tasks/${id}/submit`), 202);
  }

  /** Approved by as many of the people asked as it takes. */
  async approved(author: Person, reviewers: readonly Person[], config: Loose = {}, options: Loose = {}): Promise<Task> {
    const task = await this.submitted(author, config);
    for (const reviewer of reviewers) {
      const { body } = await approve(reviewer, task, options);
      if ((body as { task_state?: string }).task_state === "APPROVED") break;
    }
    const approved = await this.task(task.id);
    expect(approved.state).toBe("APPROVED");
    return approved;
  }

  async task(id: string): Promise<Task> {
    return ok(await this.root.get<Task>(`/tasks/${id}`));
  }

  /** The task once it is in one of these states. */
  async becomes(id: string, ...states: string[]): Promise<Task> {
    return eventually(async () => {
      const task = await this.task(id);
      expect(states).toContain(task.state);
      return task;
    });
  }

  async apply(agent: Person, id: string): Promise<Applied> {
    return ok(await agent.post<Applied>(`/tasks/${id}/apply`), 200);
  }

  // --- actors from the inside

  /** A fresh stub of an actor: an aborted object breaks the stubs that it had. */
  stub(key: ActorKey): DurableObjectStub {
    const { kind, address } = addressOfKey(key);
    const namespace = namespaceOf(env, kind);
    return namespace.get(namespace.idFromName(actorName(this.workspace, kind, address)));
  }

  /** Rings an actor's alarm now, whatever it is set to; false if none is set. */
  ring(key: ActorKey): Promise<boolean> {
    return runDurableObjectAlarm(this.stub(key));
  }

  /** Ends an actor's instance as a crash would: what it committed stays, what it was doing does not. */
  async abort(key: ActorKey): Promise<void> {
    await runInDurableObject(this.stub(key), (_, state) => state.abort("a crash, for a test")).catch(() => {});
  }

  // --- what must hold at the end

  /** Nobody holds or awaits any of these: each can be had at once. `agents` by id, `keys` of resources. */
  async expectFree(agents: readonly string[], keys: readonly string[]): Promise<void> {
    const probe = await this.agent(`probe-${crypto.randomUUID().slice(0, 8)}`);
    await eventually(async () => {
      for (const id of agents) {
        const { presence } = ok<{ presence: { active_tasks: number } }>(await this.root.get(`/agents/${id}`));
        expect(presence.active_tasks, `permits of ${id}`).toBe(0);
      }
      for (const key of keys) {
        const lock = ok<Lock>(
          await probe.post("/locks/acquire", {
            resource_type: "resource",
            resource_id: key,
            wait_for_available: false,
          }),
          201,
        );
        ok(await probe.post("/locks/release", { lock_id: lock.id }), 204);
      }
    });
  }

  /** Every chain of the workspace verifies, once all of it is in D1. */
  async expectVerified(...subjects: readonly ActorKey[]): Promise<void> {
    for (const subject of subjects) {
      const verdict = ok<{ valid: boolean }>(
        await this.root.get(`/audit/verify?subject=${encodeURIComponent(subject)}`),
      );
      expect(verdict, subject).toMatchObject({ valid: true });
    }
    const verdict = ok<{ valid: boolean; bad: unknown[] }>(await this.root.get("/audit/verify?limit=100"));
    expect(verdict).toMatchObject({ valid: true, bad: [] });
  }
}

/** The API to whoever has this token. */
export function as(token: string): Api {
  return api(token, serve);
}

/** A service that is written to: MEDIUM risk, one approval. */
export const WEB = "service:prod/web";
export const web = { type: "service", id: "web", namespace: "prod", actions: ["write"] } as const;
/** A database that is written to: HIGH risk, two approvals. */
export const ORDERS = "database:prod/orders";
export const orders = { type: "database", id: "orders", namespace: "prod", actions: ["write"] } as const;

export function filed(author: string, config: Loose = {}, metadata: Loose = {}) {
  return {
    config: {
      type: "service.configure",
      description: "Turn the new checkout on",
      resources: [web],
      parameters: { checkout: "new" },
      ...config,
    },
    metadata: { author_id: author, author_name: author, ...metadata },
  };
}

/** The reviewer's own open request for this task. */
export function requestOf(reviewer: Person | string, task: Task): ApprovalRequest {
  const id = typeof reviewer === "string" ? reviewer : reviewer.id;
  const request = task.approval_requests.find((one) => one.reviewer_id === id && one.revision === task.revision);
  if (request === undefined) throw new Error(`${id} was not asked about ${task.id}`);
  return request;
}

export function approve(reviewer: Person, task: Task, options?: Loose): Promise<Answer<Loose>> {
  const body = { action: "approve", ...(options !== undefined && { options }) };
  return reviewer.post(`/approvals/${requestOf(reviewer, task).id}/respond`, body);
}

/** The body of an answer that has to have this status. */
export function ok<T>({ status, body }: Answer<unknown>, expected = 200): T {
  if (status !== expected) throw new Error(`answered ${status}, not ${expected}: ${JSON.stringify(body)}`);
  return body as T;
}

/** Status and code of a refusal. */
export function refusal({ status, body }: Answer<unknown>): [number, string] {
  const code = (body as Partial<ErrorBody> | undefined)?.error?.code;
  return [status, code ?? `no error: ${JSON.stringify(body)}`];
}

export function detailsOf({ body }: Answer<unknown>): Loose {
  return (body as ErrorBody).error.details ?? {};
}

/**
 * Looks again until it does not throw: for what follows a commit by itself. The stopped clock stays where it is, unlike under
 * `vi.waitFor`, which moves it with every look.
 */
export async function eventually<T>(look: () => Promise<T>): Promise<T> {
  const began = performance.now();
  for (;;) {
    try {
      return await look();
    } catch (error) {
      if (performance.now() - began > GIVEN_UP_MS) throw error;
      await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
    }
  }
}

/** A clock that stands at START until it is moved. */
export function stopClock(): void {
  vi.useFakeTimers({ toFake: ["Date"], now: START });
}

export function pass(ms: number): void {
  vi.setSystemTime(Date.now() + ms);
}

function within(caller: Api, workspace: string): Api {
  const to = (headers: Readonly<Record<string, string>> = {}) => ({ ...headers, "X-Workspace": workspace });
  return {
    get: (path, headers) => caller.get(path, to(headers)),
    post: (path, body, headers) => caller.post(path, body, to(headers)),
    put: (path, body, headers) => caller.put(path, body, to(headers)),
    patch: (path, body, headers) => caller.patch(path, body, to(headers)),
    delete: (path, headers) => caller.delete(path, to(headers)),
  };
}
