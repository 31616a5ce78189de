/** What the server answers to anything else: a refusal of its own for each kind of bad input, and nothing stored. */
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Lock } from "../../src/locks/contract.ts";
import type { Task } from "../../src/tasks/task-contract.ts";
import type { ErrorBody } from "../support/api.ts";
import { badBodies, badHeaders, badPaths, badQueries } from "../support/bad-requests.ts";
import { ConformingServer, ends, type Totals } from "../support/conforming-server.ts";
import { fuzzedRequest, type Pools } from "../support/fuzzed-request.ts";
import { approvedTask, type Cast, draftOf, written } from "../support/main-job.ts";
import type { Operation } from "../support/operations.ts";
import { type Answer, BASE, type Sent } from "../support/wire.ts";

/** Requests that the fuzz makes, in as many turns as it takes. */
const FUZZED = 2_004;
/** Requests under way at once. */
const TOGETHER = 12;

let server: ConformingServer;
let cast: Cast;

beforeAll(async () => {
  server = await ConformingServer.start();
  cast = server.cast;
});
afterAll(() => server.end());

describe("each kind of bad input gets its own refusal on every operation, and leaves nothing behind", () => {
  let before: Totals;
  beforeAll(async () => {
    before = await server.settledTotals();
  });

  /** Sends bad requests to every operation, several operations at once. */
  async function refused(of: (operation: Operation) => readonly (Sent & { readonly expect: string })[]): Promise<void> {
    await Promise.all(
      server.inspected.operations.map(async (operation) => {
        for (const { expect: wanted, ...sent } of of(operation)) {
          const { status, body } = await server.inspected.send<ErrorBody>(sent);
          const issues = (body.error.details?.issues ?? []) as { field: string }[];
          const got = [`${status} ${body.error.code}`, ...issues.map(({ field }) => `${status} ${field}`)];
          const fits = got.some((one) => one === wanted || one.startsWith(`${wanted}.`));
          expect(
            fits,
            `${sent.method} ${sent.path} ${sent.body?.slice(0, 200)}: ${got.join(", ")}, not ${wanted}`,
          ).toBe(true);
        }
      }),
    );
  }

  test("no token, no real token", () => refused((operation) => badHeaders(operation, cast.author.token)));
  test("queries that are unknown, of the wrong kind, or hold what no string may", () =>
    refused((operation) => badQueries(operation, cast.root.token)));
  test("ids that are none, and ids that name nothing", () =>
    refused((operation) => badPaths(operation, cast.root.token)));
  test("bodies that are no JSON, too large, too deep, of the wrong shape, or hold unknown fields", () =>
    refused((operation) => badBodies(operation, cast.root.token, server.document)));

  test("methods that a path does not have: 405 with those that it has", async () => {
    for (const template of new Set(server.inspected.operations.map((one) => one.template))) {
      const own = server.inspected.operations.filter((one) => one.template === template).map(({ method }) => method);
      for (const method of ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"]) {
        if (own.includes(method)) continue;
        const path = template.replaceAll(/\{\w+\}/g, crypto.randomUUID());
        const answer = await server.inspected.send({
          method,
          path,
          headers: { Authorization: `Bearer ${cast.root.token}` },
        });
        expect([method, template, answer.status]).toEqual([method, template, 405]);
        expect(answer.headers.allow?.split(", ").sort()).toEqual(own.sort());
      }
    }
  });

  test("nothing was stored, not even a row of the trail", async () => {
    expect(await server.settledTotals()).toEqual(before);
  });
});

/** Something of everything for requests to meet: a user, an agent, a policy, and changes in every state of their life. */
async function peopled(): Promise<Pools> {
  const { root, author, agent } = cast;
  await root.newUser("victim", "author");
  await root.newAgent("drone");
  await root.post("/policies", 201, { id: "victim", name: "Victim", task_types: ["never"] });
  const tasks: string[] = [];
  const approvals: string[] = [];
  for (const name of ["a", "b", "c"]) {
    const resources = [written("configuration", name)];
    const draft = await author.post<Task>("/tasks", 201, draftOf(author.id, resources));
    const submitted = await author.post<Task>("/tasks", 201, draftOf(author.id, resources));
    const { approval_requests } = await author.post<Task>(`/tasks/${submitted.id}/submit`, 202);
    const approved = await approvedTask(cast, resources);
    const applied = await approvedTask(cast, [written("configuration", `${name}-applied`)]);
    const { leases } = await agent.post<{ leases: { lock_id: string }[] }>(`/tasks/${applied.id}/apply`, 200);
    expect(leases).toHaveLength(3);
    tasks.push(draft.id, submitted.id, approved.id, applied.id);
    approvals.push(...approval_requests.map(({ id }) => id));
  }
  const wanted = { resource_type: "resource", resource_id: "database:prod/x" };
  const held = await agent.post<Lock>("/locks/acquire", 201, wanted);
  return { tasks, approvals, locks: [held.id] };
}

test("no request at all makes the server fail, and refused ones store nothing", async () => {
  const pools = await peopled();
  const before = await server.settledTotals();
  const made: Record<string, number> = { users: 0, agents: 0, policies: 0, tasks: 0 };
  const callers = [cast.root, server.admin, cast.author, ...cast.reviewers, cast.agent, cast.heir];
  const tokens = callers.map(({ token }) => token);
  let requests = 0;

  /** Learns from an answer: ids to ask for later, and what there is more or less of now. */
  const learn = ({ method, path }: Sent, { status, headers, body }: Answer<Partial<Task> & Partial<Lock>>) => {
    const [list = ""] = path.slice(BASE.length + 1).split(/[/?]/);
    if (status === 201 && list === "tasks" && body.state === "DRAFT") pools.tasks.push(body.id ?? "");
    if ((status === 201 || status === 202) && list === "locks") pools.locks.push(body.id ?? "");
    pools.approvals.push(...(body?.approval_requests ?? []).map(({ id }) => id));
    const whole = path.split("?")[0] === `${BASE}/${list}`;
    if (method === "POST" && whole && status === 201 && headers["idempotency-replayed"] === undefined && list in made)
      made[list] = (made[list] ?? 0) + 1;
    const one = path.split("?")[0]?.split("/").length === 5;
    if (method === "DELETE" && one && status === 204 && list in made) made[list] = (made[list] ?? 0) - 1;
  };

  const seed = Number(process.env.SEED ?? Math.trunc(Math.random() * 2 ** 31));
  console.log(`fuzzed requests: SEED=${seed}`);
  // While D1 is rebuilt, whoever needs it whole is told to come again: 503.
  const operations = server.inspected.operations.filter((one) => ends(one) && !one.template.endsWith("/admin/rebuild"));
  const some = fc.array(fuzzedRequest(operations, server.document, tokens, pools), {
    minLength: TOGETHER,
    maxLength: TOGETHER,
  });
  await fc.assert(
    fc.asyncProperty(some, async (batch) => {
      requests += batch.length;
      await Promise.all(batch.map(async (sent) => learn(sent, await server.inspected.send(sent))));
    }),
    { seed, numRuns: FUZZED / TOGETHER, endOnFailure: true },
  );
  expect(requests).toBeGreaterThanOrEqual(FUZZED);

  const after = await server.settledTotals();
  const gained = Object.fromEntries(Object.keys(made).map((list) => [list, (after[list] ?? 0) - (before[list] ?? 0)]));
  expect(gained).toEqual(made);
});
