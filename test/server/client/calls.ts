/** The client against the real server, first over a sound network, then over one that fails. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Countersign, CountersignError, isCountersignError } from "../../../src/client/index.ts";
import { type Fault, FaultProxy } from "../../support/fault-proxy.ts";
import { type Cast, draftOf, written } from "../../support/main-job.ts";
import { ROOT_TOKEN } from "../../support/server.ts";
import type { SharedServer } from "../../support/shared-server.ts";
import type { Session } from "../../support/wire.ts";

export function callsSuite(shared: SharedServer): void {
  let cast: Cast;
  let proxy: FaultProxy;
  beforeAll(async () => {
    cast = await shared.cast("client-calls");
    proxy = await FaultProxy.before(shared.url);
  });
  afterAll(() => proxy.close());

  /** Quick retries: the faults are over at once. */
  const retry = { base_ms: 1, cap_ms: 5 };
  const clientOf = ({ token }: Pick<Session, "token">, url = shared.url) => new Countersign({ url, token, retry });
  const draft = (id: string) => draftOf("alice", [written("service", id)]) as never;

  describe("named methods", () => {
    test("take placeholders, then body or query, then options, and answer what the contract says", async () => {
      const alice = clientOf(cast.author);
      const task = await alice.tasks.create(draft("named"));
      expect(task).toMatchObject({ state: "DRAFT", revision: 1 });
      expect(await alice.tasks.get(task.id)).toMatchObject({ id: task.id });
      const edited = await alice.tasks.edit(task.id, { config: { priority: 70 } }, { headers: { "If-Match": '"1"' } });
      expect(edited.config.priority).toBe(70);
      expect(await alice.request("GET /tasks/{id}", { path: { id: task.id } })).toEqual(edited);
      expect(await alice.tasks.delete(task.id)).toBeUndefined();
      const gone = await alice.tasks.get(task.id).catch((thrown: unknown) => thrown);
      expect(isCountersignError(gone, "TASK_NOT_FOUND")).toBe(true);
    });

    test("encode what stands in a path, and repeat a list in a query", async () => {
      const root = clientOf({ token: ROOT_TOKEN });
      await root.resources.put("service", "a/b c", { criticality: 7 }, { query: { namespace: "prod" } });
      const found = await root.resources.get("service", "a/b c", { namespace: "prod" });
      expect(found).toMatchObject({ key: "service:prod/a/b c", criticality: 7 });
      const { tasks } = await root.tasks.list({ state: ["DRAFT", "REVIEWING"], limit: 5 });
      expect(Array.isArray(tasks)).toBe(true);
    });

    test("throw the envelope as an error with code, status, details, request id and advice", async () => {
      const refused = await clientOf(cast.author)
        .tasks.create({ config: {}, metadata: {} } as never)
        .catch((thrown: unknown) => thrown);
      expect(refused).toBeInstanceOf(CountersignError);
      expect(refused).toMatchObject({
        code: "VALIDATION_ERROR",
        status: 400,
        retry: { retryable: false, after_ms: 0 },
        request_id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      });
      expect((refused as CountersignError).details?.issues).toBeDefined();
    });
  });

  describe("over a network that fails", () => {
    const faults: readonly Fault[] = ["lost", "unanswered", "twice", "unavailable", "garbled"];

    /** Each request meets this fault at its first attempt, and passes at its second. */
    const once = (fault: Fault) => {
      const met = new Set<unknown>();
      return ({ headers }: { headers: Record<string, unknown> }): Fault => {
        const known = met.has(headers["x-request-id"]);
        met.add(headers["x-request-id"]);
        return known ? "none" : fault;
      };
    };

    test.each(faults)("%s: the main job is done, once", async (fault) => {
      proxy.fault = once(fault);
      const [alice, agent] = [clientOf(cast.author, proxy.url), clientOf(cast.agent, proxy.url)];
      const { id } = await alice.tasks.create(draft(`job-${fault}`));
      await alice.tasks.comment(id, { body: "early" }).then(
        () => expect.unreachable(),
        (thrown) => expect(thrown).toMatchObject({ code: "INVALID_STATE" }),
      );
      const submitted = await alice.tasks.submit(id);
      await alice.tasks.comment(id, { body: "please look" });
      for (const reviewer of cast.reviewers) {
        const request = submitted.approval_requests.find(({ reviewer_id }) => reviewer_id === reviewer.id);
        if ((await alice.tasks.get(id)).state !== "REVIEWING" || request === undefined) continue;
        await clientOf(reviewer, proxy.url).approvals.respond(request.id, { action: "approve" });
      }
      const claimed = await agent.tasks.claim({ wait_seconds: 5 });
      expect(claimed?.task.id).toBe(id);
      await agent.tasks.heartbeat(id, { progress: 50 });
      const done = await agent.tasks.complete(id, { result: "success" });
      expect(done.comments).toHaveLength(1);
      expect(done.execution).toMatchObject({ attempt: 1, result: "success" });
      const { entries } = await alice.tasks.audit(id);
      const actions = entries.map(({ action }) => action).filter((action) => action.startsWith("task."));
      expect(actions.filter((action) => action === "task.completed")).toHaveLength(1);
      expect(new Set(actions).size).toBe(actions.length);
      expect((await alice.resources.get("service", `job-${fault}`, { namespace: "prod" })).revision).toBe(1);
    });

    test("every retry of a POST has the same idempotency key, and another call has another", async () => {
      proxy.passed.length = 0;
      proxy.fault = once("unanswered");
      const alice = clientOf(cast.author, proxy.url);
      await alice.tasks.create(draft("keys"));
      await alice.tasks.create(draft("keys"));
      const keys = proxy.passed.map(({ headers }) => headers["idempotency-key"]);
      expect(keys).toHaveLength(4);
      expect([keys[0], keys[2]]).toEqual([keys[1], keys[3]]);
      expect(keys[0]).not.toBe(keys[2]);
    });

    test("a delete whose answer was lost has happened; an edit is not sent a second time", async () => {
      proxy.fault = () => "none";
      const alice = clientOf(cast.author, proxy.url);
      const { id } = await alice.tasks.create(draft("gone"));
      proxy.fault = once("unanswered");
      await expect(alice.tasks.edit(id, { config: { priority: 1 } })).rejects.toMatchObject({ code: "NETWORK_ERROR" });
      expect(await alice.tasks.get(id)).toMatchObject({ revision: 2 });
      await expect(alice.tasks.delete(id)).resolves.toBeUndefined();
      proxy.fault = () => "none";
      await expect(alice.tasks.delete(id)).rejects.toMatchObject({ code: "TASK_NOT_FOUND" });
    });

    test("a call ends after its last attempt, at its deadline, or with its signal, and says which", async () => {
      proxy.fault = () => "lost";
      proxy.passed.length = 0;
      const impatient = new Countersign({ url: proxy.url, token: "x", retry: { attempts: 3, base_ms: 1 } });
      await expect(impatient.users.me()).rejects.toMatchObject({ code: "NETWORK_ERROR", retry: { retryable: true } });
      expect(proxy.passed).toHaveLength(3);
      const signal = AbortSignal.abort(new Error("no longer needed"));
      await expect(impatient.users.me({ signal })).rejects.toThrow("no longer needed");
      const silent = new Countersign({
        url: shared.url,
        token: "x",
        fetch: (_, { signal: given }) =>
          new Promise((_resolve, reject) => given?.addEventListener("abort", () => reject(given.reason))),
      });
      await expect(silent.users.me({ timeoutMs: 20, deadlineMs: 50 })).rejects.toMatchObject({ code: "TIMEOUT" });
    });
  });
}
