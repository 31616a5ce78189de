/** What people do about a change from a shell, once it is drafted. */
import { beforeAll, expect, test } from "vitest";
import type { Task } from "../../../src/tasks/task-contract.ts";
import { adminOf, envFor, run } from "../../support/command-line.ts";
import { approvedTask, type Cast, draftOf, written } from "../../support/main-job.ts";
import { until } from "../../support/server.ts";
import type { SharedServer } from "../../support/shared-server.ts";

export function decisionsSuite(shared: SharedServer): void {
  let cast: Cast;
  let alice: Record<string, string>;
  let bob: Record<string, string>;
  let agent: Record<string, string>;
  let heir: Record<string, string>;
  beforeAll(async () => {
    cast = await shared.cast("cli-decisions");
    [alice, bob, agent, heir] = [cast.author, cast.reviewers[0], cast.agent, cast.heir].map(({ token }) =>
      envFor(shared.url, token),
    ) as [typeof alice, typeof bob, typeof agent, typeof heir];
  });

  /** A change that bob is asked about. */
  async function submitted(id: string, config: Record<string, unknown> = {}): Promise<Task> {
    const draft = draftOf("alice", [written("service", id)], { description: `Change ${id}`, ...config });
    const task = await cast.author.post<Task>("/tasks", 201, draft);
    return cast.author.post<Task>(`/tasks/${task.id}/submit`, 202, { requested_reviewers: ["bob"] });
  }

  /** Lists are a moment behind: until bob's has the change. */
  const arrived = ({ id }: Task) =>
    until(async () => (await run(["inbox", "--task", id, "--json"], bob)).stdout.includes(id));

  test("a reviewer reads the diff, sends the change back, and its author sees why; then it is called off", async () => {
    const task = await submitted("sent-back");
    await arrived(task);
    const review = await run(["review", task.id], bob);
    expect(review.stdout).toMatch(/^Change sent-back {2}PENDING\n.* by alice[\s\S]*\+ .*changed[\s\S]*true/);
    expect(await run(["request-changes", task.id], bob)).toMatchObject({ code: 2, stdout: "" });
    const back = await run(["request-changes", task.id, "--reason", "smaller steps"], bob);
    expect(back).toMatchObject({ code: 0, stderr: "" });
    expect(back.stdout).toContain("request_changes: the task is DRAFT");
    expect((await run(["task", "show", task.id], alice)).stdout).toContain("smaller steps");

    const cancelled = await run(["task", "cancel", task.id, "--reason", "not worth it", "--json"], alice);
    expect(JSON.parse(cancelled.stdout)).toMatchObject({ id: task.id, state: "CANCELLED" });
    expect(await run(["task", "cancel", task.id], alice)).toMatchObject({ code: 5, stdout: "" });
    expect(await run(["task", "watch", task.id], alice)).toMatchObject({ code: 7 });
  });

  test("a request is handed on by name, with the reason, and is decided there", async () => {
    await cast.root.newUser("dora", "reviewer");
    const task = await submitted("handed-on");
    await arrived(task);
    expect(await run(["delegate", task.id], bob)).toMatchObject({ code: 2 });
    const nobody = await run(["delegate", task.id, "--to", "alice"], bob);
    expect(nobody.code).toBeGreaterThan(2);
    const handed = await run(["delegate", task.id, "--to", "dora", "--reason", "knows it better", "--json"], bob);
    expect(handed).toMatchObject({ code: 0, stderr: "" });
    const { approval_requests } = await cast.author.get<Task>(`/tasks/${task.id}`);
    expect(approval_requests).toContainEqual(expect.objectContaining({ reviewer_id: "dora", status: "PENDING" }));
    expect(await run(["approve", task.id], bob)).toMatchObject({ code: 4 });
  });

  test("an approved change is applied by its agent, who is shown the leases; in a line it says where", async () => {
    const task = await approvedTask(cast, [written("service", "applied")]);
    expect(await run(["task", "apply", task.id], alice)).toMatchObject({ code: 3, stdout: "" });
    const applied = await run(["task", "apply", task.id], agent);
    expect(applied.stdout).toMatch(/APPLYING[\s\S]*\n[0-9a-f-]{36} {2}service:prod\/applied {2}token 1(\n|$)/);

    const next = await approvedTask(cast, [written("service", "applied")], { description: "The next one" });
    const queued = await run(["task", "apply", next.id], heir);
    expect(queued).toMatchObject({ code: 0 });
    expect(queued.stdout).toContain("waits for service:prod/applied (1 in line)");

    const admin = adminOf(cast);
    const graph = async () => (await run(["lock", "graph"], admin)).stdout;
    await until(async () => /^heir \(task:.*\) waits for migrator .* on service:prod\/applied/.test(await graph()));
    expect(await run(["lock", "graph"], agent)).toMatchObject({ code: 3 });
    const locks = async () => (await run(["lock", "ls", "--resource", "service:prod/applied"], admin)).stdout;
    await until(async () => /^LOCK .*WAITING[^\n]*\n.* held +exclusive +migrator .* 1$/m.test(await locks()));
  });

  test("each way to fail has its code", async () => {
    const task = await submitted("codes");
    await arrived(task);
    const lock = JSON.parse((await run(["lock", "acquire", "service:prod/codes", "--json"], agent)).stdout) as {
      id: string;
    };
    const [usage, denied, missing, conflict, locked, late] = await Promise.all([
      run(["task", "watch", task.id, "--timeout", "soon"], alice),
      run(["agent", "create", "mine"], alice),
      run(["task", "show", task.id.replace(/^.{8}/, "00000000")], alice),
      run(["task", "submit", task.id], alice),
      run(["lock", "acquire", "service:prod/codes"], heir),
      run(["task", "watch", task.id, "--timeout", "1"], alice),
    ]);
    const codes = [usage, denied, missing, conflict, locked, late].map(({ code }) => code);
    expect(codes).toEqual([2, 3, 4, 5, 6, 8]);
    expect(locked.stderr).toContain("RESOURCE_LOCKED");
    expect(late.stderr).toMatch(/did not end within 1 s[\s\S]*countersign task watch/);
    expect(await run(["lock", "release", lock.id], agent)).toMatchObject({ code: 0 });
    await run(["reject", task.id, "--reason", "never"], bob);
    expect(await run(["task", "watch", task.id, "--until", "decided"], alice)).toMatchObject({ code: 7 });
  });
}
