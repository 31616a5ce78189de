/** Waiting for people through the client, and consent to the calls of tools. */
import { beforeAll, expect, test } from "vitest";
import type { ApprovalRequest } from "../../../src/approvals/contract.ts";
import { Countersign, type ToolCall } from "../../../src/client/index.ts";
import type { Task } from "../../../src/tasks/task-contract.ts";
import { type Cast, draftOf, written } from "../../support/main-job.ts";
import { until } from "../../support/server.ts";
import type { SharedServer } from "../../support/shared-server.ts";

export function approvalsSuite(shared: SharedServer): void {
  let cast: Cast;
  let author: Countersign;
  /** An agent that may file: what runs tools. */
  let runner: Countersign;
  let admin: Countersign;
  beforeAll(async () => {
    cast = await shared.cast("client-approvals");
    const session = await cast.root.newAgent("runner", { roles: ["system", "author"], capabilities: ["none"] });
    const clientOf = (token: string) => new Countersign({ url: shared.url, token, retry: { base_ms: 1, cap_ms: 20 } });
    [author, runner] = [clientOf(cast.author.token), clientOf(session.token)];
    const { token, workspace = "" } = cast.root;
    admin = new Countersign({ url: shared.url, token, workspace });
  });

  const draft = (id: string) => draftOf("alice", [written("service", id)]) as never;

  /** Each reviewer answers what there is to answer about a task until it is decided. */
  async function answer(taskId: string, decision: object): Promise<void> {
    for (const reviewer of cast.reviewers) {
      const path = `/approvals?task_id=${taskId}`;
      let open: readonly ApprovalRequest[] = [];
      const decided = async () => (await cast.author.get<Task>(`/tasks/${taskId}`)).state !== "REVIEWING";
      await until(async () => {
        open = (await reviewer.get<{ approvals: ApprovalRequest[] }>(path)).approvals;
        return open.length > 0 || (await decided());
      });
      if (await decided()) return;
      await reviewer.post(`/approvals/${open[0]?.id}/respond`, 200, decision);
    }
  }

  /** The task that a call of a tool filed, once it is under review; lists may be behind with those before. */
  async function filed(tool: string, before?: Task): Promise<Task> {
    let found: Task | undefined;
    await until(async () => {
      const { tasks } = await cast.author.get<{ tasks: Task[] }>(`/tasks?type=tool:${tool}&state=REVIEWING`);
      found = tasks.find(({ id }) => id !== before?.id);
      return found !== undefined;
    });
    if (found === undefined) throw new Error(`no call of ${tool} is under review`);
    return found;
  }

  test("waitForApproval says how it ended, by whom and why, whether it ended before or after", async () => {
    const submitted = async (id: string) => {
      const task = await author.tasks.create(draft(id));
      await author.tasks.submit(task.id);
      return task.id;
    };
    const [approved, rejected, changed, cancelled] = await Promise.all(["w1", "w2", "w3", "w4"].map(submitted));
    const ids = [approved ?? "", rejected ?? "", changed ?? "", cancelled ?? ""];
    const waiting = Promise.all(ids.map((id) => author.waitForApproval(id)));
    await answer(ids[0] ?? "", { action: "approve" });
    await answer(ids[1] ?? "", { action: "reject", reason: "too risky" });
    await answer(ids[2] ?? "", { action: "request_changes", reason: "smaller" });
    await author.tasks.cancel(ids[3] ?? "");
    const verdicts = await waiting;
    expect(verdicts).toMatchObject([
      { status: "approved", revision: 1 },
      { status: "rejected", by: "bob", reason: "too risky" },
      { status: "changes_requested", by: "bob", reason: "smaller" },
      { status: "cancelled" },
    ]);
    expect(await Promise.all(ids.map((id) => author.waitForApproval(id)))).toEqual(verdicts);
  });

  test("it waits through an edit, and ends with its signal; a task that is not there is an error", async () => {
    const { id } = await author.tasks.create(draft("patience"));
    const patience = author.waitForApproval(id, { signal: AbortSignal.timeout(300) });
    await author.tasks.submit(id);
    await author.tasks.edit(id, { config: { priority: 60 } });
    await expect(patience).rejects.toMatchObject({ name: "TimeoutError" });
    const nowhere = author.waitForApproval(crypto.randomUUID());
    await expect(nowhere).rejects.toMatchObject({ status: 404 });
  });

  test("a call that was approved may be made once: its task is over, in the name of who asked", async () => {
    const call: ToolCall = { tool: "restart", args: { host: "a", force: true }, key: "call-1" };
    const asking = runner.requireApproval(call);
    const task = await filed("restart");
    expect(task.config.parameters).toMatchObject({ tool: "restart", arguments: call.args });
    await answer(task.id, { action: "approve" });
    const consent = await asking;
    expect(consent).toMatchObject({
      status: "approved",
      task_id: task.id,
      call_hash: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
    const spent = await author.tasks.get(task.id);
    expect(spent).toMatchObject({ state: "COMPLETED", execution: { agent_id: "runner", result: "success" } });

    await expect(runner.requireApproval(call)).rejects.toMatchObject({ code: "APPROVAL_USED" });
    const other = { ...call, args: { host: "b", force: true } };
    await expect(runner.requireApproval(other)).rejects.toMatchObject({ code: "IDEMPOTENCY_KEY_REUSED" });
  });

  test("two that wait for one approval: one gets it, the other is told that it was used", async () => {
    const call: ToolCall = { tool: "race", args: {}, key: "raced" };
    const asking = [runner, runner, runner].map((client) => client.requireApproval(call));
    const settled = Promise.allSettled(asking);
    const task = await filed("race");
    await answer(task.id, { action: "approve" });
    const outcomes = (await settled).map((one) => (one.status === "fulfilled" ? one.value.status : one.reason.code));
    expect(outcomes.sort()).toEqual(["APPROVAL_USED", "APPROVAL_USED", "approved"]);
  });

  test("the order of arguments makes no other call; a refusal comes back as it was given", async () => {
    const asking = runner.requireApproval({ tool: "drop", args: { table: "orders", cascade: false } });
    const task = await filed("drop");
    await answer(task.id, { action: "reject", reason: "never" });
    const refused = await asking;
    expect(refused).toMatchObject({ status: "rejected", reason: "never" });
    const again = runner.requireApproval({ tool: "drop", args: { cascade: false, table: "orders" } });
    await answer((await filed("drop", task)).id, { action: "request_changes", reason: "say which schema" });
    expect(await again).toMatchObject({ status: "changes_requested", call_hash: refused.call_hash });
  });

  test("what was edited under review is not the call that was asked for", async () => {
    const asking = runner.requireApproval({ tool: "pay", args: { amount: 10 } });
    const refused = expect(asking).rejects.toMatchObject({ code: "APPROVAL_MISMATCH" });
    const { id, config } = await filed("pay");
    await admin.tasks.edit(id, { config: { parameters: { ...config.parameters, arguments: { amount: 10_000 } } } });
    await answer(id, { action: "approve" });
    await refused;
    expect((await author.tasks.get(id)).state).not.toBe("COMPLETED");
  });

  test("arguments that are no JSON are refused before anything is filed", async () => {
    await expect(runner.requireApproval({ tool: "odd", args: { at: new Date() } })).rejects.toThrow(TypeError);
  });
}
