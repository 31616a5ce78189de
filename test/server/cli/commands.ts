/** `countersign` from a shell, against the server. */
import { statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import type { Task } from "../../../src/tasks/task-contract.ts";
import { adminOf, envFor, run, start } from "../../support/command-line.ts";
import { approvedTask, type Cast, draftOf, written } from "../../support/main-job.ts";
import { temporaryFolder, until } from "../../support/server.ts";
import type { SharedServer } from "../../support/shared-server.ts";

export function commandsSuite(shared: SharedServer): void {
  let cast: Cast;
  let alice: Record<string, string>;
  let bob: Record<string, string>;
  let admin: Record<string, string>;
  beforeAll(async () => {
    cast = await shared.cast("cli");
    [alice, bob] = [envFor(shared.url, cast.author.token), envFor(shared.url, cast.reviewers[0].token)];
    admin = adminOf(cast);
  });

  const RESOURCE = "service:prod/shop=write";

  test("login verifies the token and stores it for its owner alone; another server never gets it", async () => {
    const home = temporaryFolder();
    const stored = { XDG_CONFIG_HOME: home };
    const env = { ...envFor(shared.url), ...stored };
    const path = join(home, "countersign/config.json");
    expect(await run(["login"], env, "cs_wrong\n")).toMatchObject({ code: 3, stdout: "" });
    expect(() => statSync(path)).toThrow();

    const login = await run(["login", "--json"], env, `${cast.author.token}\n`);
    expect(login).toMatchObject({ code: 0, stderr: "" });
    expect(JSON.parse(login.stdout)).toMatchObject({ id: "alice", profile: "default", url: shared.url });
    expect(statSync(path).mode & 0o777).toBe(0o600);
    const [me, elsewhere] = await Promise.all([
      run(["whoami"], stored),
      run(["whoami", "--url", "http://127.0.0.1:9"], stored),
    ]);
    expect(me.stdout).toContain("user alice");
    expect(elsewhere).toMatchObject({ code: 3 });
    expect(elsewhere.stderr).toMatch(/for http:.*countersign login/s);
  });

  test("a change from draft to the last of its trail, each step one command", async () => {
    const flags = [
      "--type",
      "config.change",
      "--description",
      "Longer sessions",
      "--resource",
      RESOURCE,
      "--param",
      "n=60",
    ];
    const created = await run(["task", "create", ...flags, "--submit", "--json"], alice);
    expect(created).toMatchObject({ code: 0, stderr: "" });
    const task = JSON.parse(created.stdout) as Task;
    expect(task).toMatchObject({
      state: "REVIEWING",
      config: { parameters: { n: 60 } },
      metadata: { author_id: "alice" },
    });

    const watching = start(["task", "watch", task.id, "--until", "decided", "--json"], alice);
    await until(() => watching.stdout().includes("REVIEWING"));
    await until(async () => (await run(["inbox"], bob)).stdout.includes("Longer sessions"));
    const approved = await run(["approve", task.id, "--json"], bob);
    expect(JSON.parse(approved.stdout)).toMatchObject({ success: true, task_id: task.id });
    if (JSON.parse(approved.stdout).task_state === "REVIEWING") {
      expect(await run(["approve", task.id], envFor(shared.url, cast.reviewers[1].token))).toMatchObject({ code: 0 });
    }
    const watched = await watching.ended;
    expect(watched).toMatchObject({ code: 0, stderr: "" });
    const seen = watched.stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line).event);
    expect(seen).toContain("task:state_changed");
    expect(seen.at(-1)).toBe("task");

    // Lists are a moment behind.
    await until(async () => (await run(["task", "ls", "--state", "APPROVED"], alice)).stdout.includes(task.id));
    const [shown, again] = await Promise.all([run(["task", "show", task.id], alice), run(["approve", task.id], bob)]);
    expect(shown.stdout).toMatch(/Longer sessions {2}APPROVED[\s\S]*\+.*60[\s\S]*approve by bob/);
    expect(shown.stdout).not.toContain("\x1b");
    expect(again).toMatchObject({ code: 4 });
    expect(again.stderr).toContain("APPROVAL_NOT_FOUND");
  });

  test("what goes wrong has its code: as text with advice, as JSON with the request's id", async () => {
    const nobody = envFor(shared.url);
    const [missing, refused, unknown, bad, down, broken] = await Promise.all([
      run(["task", "show", cast.author.id], alice),
      run(["policy", "ls"], nobody),
      run(["task", "frobnicate"], alice),
      run(["task", "ls", "--limit", "1000"], alice),
      run(["whoami", "--json"], envFor("http://127.0.0.1:9", "cs_x")),
      run(["task", "create", "-f", "-"], alice, '{ "config": '),
    ]);
    expect(missing.code).toBe(2);
    expect(refused).toMatchObject({ code: 3, stdout: "" });
    expect(refused.stderr).toContain("countersign login");
    expect(unknown.code).toBe(2);
    expect(bad.code).toBe(2);
    expect(down.code).toBe(75);
    expect(JSON.parse(down.stderr)).toMatchObject({ error: { code: "NETWORK_ERROR", exit_code: 75, request_id: /./ } });
    expect(broken.stderr).toContain("standard input is no JSON");
  }, 20_000);

  test("policies are applied from a file, again and again; simulate tells what they would demand", async () => {
    const file = join(temporaryFolder(), "policies.json");
    writeFileSync(
      file,
      JSON.stringify([{ id: "dba", name: "Databases", resource_patterns: ["database:**"], min_approvers: 2 }]),
    );
    const first = await run(["policy", "apply", "-f", file], admin);
    expect(first).toMatchObject({ code: 0, stdout: "✓ dba  Databases\n" });
    const [again, listed, simulated] = await Promise.all([
      run(["policy", "apply", "-f", file, "--json"], admin),
      run(["policy", "ls"], admin),
      run(
        ["simulate", "--type", "db.migrate", "--description", "x", "--resource", "database:prod/orders", "--json"],
        alice,
      ),
    ]);
    expect(JSON.parse(again.stdout).policies).toHaveLength(1);
    expect(listed.stdout).toMatch(/^POLICY {2}.*\ndba/);
    expect(JSON.parse(simulated.stdout)).toMatchObject({ required_approvals: 2 });
  });

  test("many are decided at once, from standard input; agents are made and heard of", async () => {
    const tasks = await Promise.all(
      ["b1", "b2"].map((id) => cast.author.post<Task>("/tasks", 201, draftOf("alice", [written("service", id)]))),
    );
    const submitted = await Promise.all(tasks.map(({ id }) => cast.author.post<Task>(`/tasks/${id}/submit`, 202)));
    const ids = submitted.map(
      ({ approval_requests }) => approval_requests.find((one) => one.reviewer_id === "bob")?.id,
    );
    const [batch, agent] = await Promise.all([
      run(["batch", "reject", "-", "--reason", "not now", "--json"], bob, ids.join("\n")),
      run(["agent", "create", "robot", "--capability", "robot.*", "--json"], admin),
    ]);
    expect(JSON.parse(batch.stdout)).toMatchObject({ succeeded: 2, failed: 0 });
    const { token } = JSON.parse(agent.stdout) as { token: string };
    const beat = await run(["agent", "heartbeat", "--status", "idle"], envFor(shared.url, token));
    expect(beat).toMatchObject({ code: 0, stdout: "online  0 of 4 tasks\n" });
  });

  test("events are told line by line as they happen", async () => {
    const tail = start(
      ["events", "tail", "resource:service:prod/told", "--since", "0", "--count", "1", "--json"],
      alice,
    );
    await approvedTask(cast, [written("service", "untold")]);
    const agent = envFor(shared.url, cast.agent.token);
    const lock = await run(["lock", "acquire", "service:prod/told", "--json"], agent);
    expect(JSON.parse(lock.stdout)).toMatchObject({ acquired: true });
    expect(JSON.parse((await tail.ended).stdout)).toMatchObject({ event: "lock:acquired" });
    const listed = await run(["lock", "release", JSON.parse(lock.stdout).id], agent);
    expect(listed).toMatchObject({ code: 0 });
  });

  test("the doctor finds everything in order, or says what to do", async () => {
    const [well, ill] = await Promise.all([
      run(["doctor", "--json"], alice),
      run(["doctor"], envFor("http://127.0.0.1:9")),
    ]);
    expect(well.code).toBe(0);
    const { healthy, findings } = JSON.parse(well.stdout) as { healthy: boolean; findings: { status: string }[] };
    expect(healthy).toBe(true);
    expect(findings.filter(({ status }) => status === "failed" || status === "skipped")).toEqual([]);
    expect(ill.code).toBe(1);
    expect(ill.stdout).toMatch(/✗ health.*\n.*npm start/);
  });
}
