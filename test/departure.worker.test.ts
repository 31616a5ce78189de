import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, describe, expect, it, vi } from "vitest";
import type { ActorKey } from "../src/actor/remote.ts";
import type { Task } from "../src/tasks/task-contract.ts";
import type { Answer } from "./support/api.ts";
import { onCommits } from "./support/commits.ts";
import { gate } from "./support/ledger.ts";
import { approve, eventually, ok, pass, refusal, requestOf, Stage, stopClock } from "./support/stage.ts";

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

interface Stuck {
  readonly tasks: readonly { readonly task_id: string; readonly policy_id: string; readonly why: string }[];
  readonly pagination: { readonly total: number; readonly has_more: boolean; readonly next_cursor?: string };
}

function open(task: Task): string[] {
  return task.approval_requests
    .filter(({ status }) => status === "PENDING")
    .map(({ reviewer_id, on_behalf_of }) => reviewer_id + (on_behalf_of === undefined ? "" : ` for ${on_behalf_of}`))
    .sort();
}

async function stuck(stage: Stage, query = ""): Promise<Stuck> {
  return ok(await stage.root.get<Stuck>(`/approvals/stuck${query}`));
}

/** The task once these requests are open. */
function becomesOpen(stage: Stage, { id }: Task, ...requests: string[]): Promise<Task> {
  return eventually(async () => {
    const task = await stage.task(id);
    expect(open(task)).toEqual(requests);
    return task;
  });
}

async function leaves(stage: Stage, ...ids: string[]): Promise<void> {
  for (const id of ids) ok(await stage.root.patch(`/users/${id}`, { active: false }));
}

async function actionsOf(stage: Stage, id: string): Promise<string[]> {
  const { entries } = ok<{ entries: { action: string }[] }>(await stage.root.get(`/tasks/${id}/audit`));
  return entries.map(({ action }) => action);
}

describe("somebody who leaves (active: false)", () => {
  it("hands every PENDING approval to their manager, who decides in their stead; both inboxes know", async () => {
    const stage = new Stage();
    const [alice, mia] = [await stage.user("alice", "author"), await stage.user("mia")];
    const bob = await stage.user("bob", "reviewer");
    ok(await stage.root.patch("/users/bob", { manager_id: "mia" }));
    const tasks = [await stage.submitted(alice), await stage.submitted(alice)];
    await leaves(stage, "bob");
    for (const before of tasks) {
      const task = await becomesOpen(stage, before, "mia for bob");
      expect(requestOf(bob, task)).toMatchObject({ status: "DELEGATED", delegated_to: "mia" });
      expect(requestOf(mia, task).due_at).toBe(requestOf(bob, task).due_at);
    }
    await eventually(async () => {
      const { approvals } = ok<{ approvals: object[] }>(await stage.root.get("/approvals?reviewer_id=bob"));
      expect(approvals).toEqual([]);
      expect(ok<{ approvals: object[] }>(await mia.get("/approvals")).approvals).toHaveLength(2);
    });
    const [task] = tasks;
    if (task === undefined) throw new Error("no task");
    expect((await approve(mia, await stage.task(task.id))).body).toMatchObject({ task_state: "APPROVED" });
    const { entries } = ok<{ entries: { action: string; details?: object; why?: object }[] }>(
      await alice.get(`/tasks/${task.id}/audit`),
    );
    expect(entries.filter(({ action }) => action === "approval.reassigned")).toMatchObject([
      { details: { from: "bob", to: "mia" }, why: { reason: "bob is no longer active" } },
    ]);
    expect((await stuck(stage)).tasks).toEqual([]);
  });

  it("hands them to whom their delegation names, before their manager", async () => {
    const stage = new Stage();
    const [alice, dora] = [await stage.user("alice", "author"), await stage.user("dora")];
    await Promise.all([stage.user("mia"), stage.user("bob", "reviewer")]);
    ok(await stage.root.patch("/users/bob", { manager_id: "mia" }));
    const task = await stage.submitted(alice);
    const mine = { owner_id: "bob", delegate_to: dora.id, conditions: { task_types: ["service.*"] } };
    ok(await stage.root.post("/approvals/policies", mine), 201);
    await leaves(stage, "bob");
    const moved = await becomesOpen(stage, task, "dora for bob");
    expect((await approve(dora, moved)).body).toMatchObject({ task_state: "APPROVED" });
  });

  it("leaves a task that nobody else can approve listed as stuck, on the trail too, until it can be approved again", async () => {
    const stage = new Stage();
    const { alice, carol, robo } = await stage.cast();
    ok(await stage.root.post("/policies", { id: "both", name: "both", min_approvers: 2 }), 201);
    const task = await stage.submitted(alice);
    await leaves(stage, "bob");
    await eventually(async () => {
      expect((await stuck(stage)).tasks).toEqual([
        { task_id: task.id, policy_id: "both", why: expect.stringContaining("2 approvals are needed") },
      ]);
    });
    expect(open(await stage.task(task.id))).toEqual(["bob", "carol"]);
    const { entries } = ok<{ entries: { details?: object }[] }>(await stage.root.get("/audit?action=task.stuck"));
    expect(entries).toMatchObject([{ details: { requirements: [{ policy_id: "both" }] } }]);
    for (const who of [alice, carol, robo]) {
      expect(refusal(await who.get("/approvals/stuck"))).toEqual([403, "FORBIDDEN"]);
    }
    ok(await stage.root.patch("/users/bob", { active: true }));
    await eventually(async () => expect((await stuck(stage)).tasks).toEqual([]));
    expect((await actionsOf(stage, task.id)).slice(-2)).toEqual(["task.stuck", "task.unstuck"]);
  });

  it("or whose role was taken away: stuck, and no longer when the task is over", async () => {
    const stage = new Stage();
    const [alice, dana] = [await stage.user("alice", "author"), await stage.user("dana", "reviewer", "dba")];
    ok(await stage.root.post("/policies", { id: "dbas", name: "dbas", required_roles: ["dba"] }), 201);
    const tasks = [await stage.submitted(alice), await stage.submitted(alice), await stage.submitted(alice)];
    ok(await stage.root.patch("/users/dana", { roles: ["reviewer"] }));
    await eventually(async () => expect((await stuck(stage)).pagination.total).toBe(3));
    const first = await stuck(stage, "?limit=2");
    const second = await stuck(stage, `?limit=2&cursor=${first.pagination.next_cursor}`);
    expect(new Set([...first.tasks, ...second.tasks].map(({ task_id }) => task_id))).toEqual(
      new Set(tasks.map(({ id }) => id)),
    );
    const [one, two] = tasks;
    ok(await alice.post(`/tasks/${one?.id}/cancel`));
    expect(two && (await approve(dana, two)).status).toBe(403);
    await eventually(async () => expect((await stuck(stage)).pagination.total).toBe(2));
  });

  it("while they were being asked: the request that comes too late goes on at once", async () => {
    const stage = new Stage();
    const [alice, mia] = [await stage.user("alice", "author"), await stage.user("mia")];
    await stage.user("bob", "reviewer");
    ok(await stage.root.patch("/users/bob", { manager_id: mia.id }));
    const draft = await stage.draft(alice);
    const { opened, open: letGo } = gate();
    // The task reads that Bob is there, and hears of it only when he has gone.
    await runInDurableObject(stage.stub(`task:${draft.id}`), (actor) => {
      const DB = {
        prepare: (query: string) => env.DB.prepare(query),
        batch: async (statements: D1PreparedStatement[]) => {
          const answers = await env.DB.batch(statements);
          await opened;
          return answers;
        },
      };
      const inside = actor as unknown as { env: typeof env };
      inside.env = { ...inside.env, DB: DB as unknown as D1Database };
    });
    const submitted = alice.post<Task>(`/tasks/${draft.id}/submit`);
    const read = vi.spyOn(env.DB, "batch");
    await vi.waitFor(() => expect(read).toHaveBeenCalled());
    await leaves(stage, "bob");
    letGo();
    expect(open(ok<Task>(await submitted, 202))).toEqual(["bob"]);
    await becomesOpen(stage, draft, "mia for bob");
  });

  it("without ever having had an inbox, and with nothing to hand on", async () => {
    const stage = new Stage();
    const { alice } = await stage.cast();
    await stage.user("nobody");
    await leaves(stage, "nobody");
    await leaves(stage, "bob");
    expect(open(await stage.submitted(alice))).toEqual(["carol"]);
  });
});

type Death = "before it is safe" | "right after";

describe.each<Death>(["before it is safe", "right after"])("an actor that dies with a commit, %s,", (death) => {
  it("of a departure, wherever the news has got to: the approval moves, once", async () => {
    const stage = new Stage();
    const [alice, mia] = [await stage.user("alice", "author"), await stage.user("mia")];
    stopClock();
    for (let n = 1; ; n += 1) {
      const bob = `bob-${n}`;
      await stage.user(bob, "reviewer");
      ok(await stage.root.patch(`/users/${bob}`, { manager_id: mia.id }));
      const task = await stage.submitted(alice);
      const key: ActorKey = `task:${task.id}`;
      const actors: ActorKey[] = ["config", `inbox:${bob}`, key, "inbox:mia"];
      await settled(stage, actors);
      const killed = killAt(stage, n, death);
      const patch = () => attempted(() => stage.root.patch(`/users/${bob}`, { active: false }));
      for (let tries = 0; tries < 3 && (await patch())?.status !== 200; tries += 1) pass(1_000);
      for (let round = 0; round < 3; round += 1) await settled(stage, actors);
      const commits = killed();
      vi.restoreAllMocks();
      expect(open(await stage.task(task.id)), `death ${n} of ${commits}`).toEqual([`mia for ${bob}`]);
      expect((await actionsOf(stage, task.id)).filter((action) => action === "approval.reassigned")).toHaveLength(1);
      const { approvals } = ok<{ approvals: object[] }>(await mia.get(`/approvals?task_id=${task.id}`));
      expect(approvals).toHaveLength(1);
      ok(await alice.post(`/tasks/${task.id}/cancel`));
      if (commits < n) {
        expect(n).toBeGreaterThan(6);
        break;
      }
    }
    await stage.expectVerified();
  });
});

async function attempted<T>(work: () => Promise<Answer<T>>): Promise<Answer<T> | undefined> {
  return work().catch(() => undefined);
}

/** Time passes, and every alarm rings. */
async function settled(stage: Stage, actors: readonly ActorKey[]): Promise<void> {
  pass(35_000);
  for (const actor of actors) await stage.ring(actor).catch(() => false);
}

/** Lets the actor of the nth commit from now on die with it; tells how many there were. */
function killAt(stage: Stage, n: number, death: Death): () => number {
  let commits = 0;
  onCommits(stage.workspace, ({ ctx }) => {
    commits += 1;
    if (commits !== n) return;
    const die = () => ctx.abort("a crash, for a test");
    if (death === "right after") void ctx.storage.sync().then(die, () => {});
    else die();
  });
  return () => commits;
}
