/** `countersign lock run`: a command that runs while a lock is held, and what is built on it in examples/. */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import type { Task } from "../../../src/tasks/task-contract.ts";
import { COMMAND_LINE, envFor, type Ran, spawned, start } from "../../support/command-line.ts";
import { type Cast, draftOf, written } from "../../support/main-job.ts";
import { isRunning, temporaryFolder, until } from "../../support/server.ts";
import type { SharedServer } from "../../support/shared-server.ts";

export function lockRunSuite(shared: SharedServer): void {
  const ROOT = join(import.meta.dirname, "../../..");

  let cast: Cast;
  let agent: Record<string, string>;
  let heir: Record<string, string>;
  beforeAll(async () => {
    cast = await shared.cast("cli-lock-run");
    agent = envFor(shared.url, cast.agent.token);
    heir = envFor(shared.url, cast.heir.token);
  });

  const locked = async (key: string) =>
    (await cast.root.get<{ locks: { id: string }[] }>(`/locks?resource_id=${encodeURIComponent(key)}`)).locks;

  test("the command gets lock and fencing token, its exit code is passed on, and the lock is given back", async () => {
    const told = 'echo "$COUNTERSIGN_FENCING_TOKEN $COUNTERSIGN_LOCK_ID"; exit 42';
    const first = await spawned(["lock", "run", "service:a/x", "--", "sh", "-c", told], agent);
    expect(first).toMatchObject({ code: 42, stderr: "" });
    expect(first.stdout).toMatch(/^1 [0-9a-f-]{36}\n$/);
    const second = await spawned(["lock", "run", "service:a/x", "--", "sh", "-c", told], heir);
    expect(second.stdout).toMatch(/^2 /);
    const [none, killed] = await Promise.all([
      spawned(["lock", "run", "service:a/y", "--", "no-such-command"], agent),
      spawned(["lock", "run", "service:a/z", "--", "sh", "-c", "kill -9 $$"], agent),
    ]);
    expect([none.code, killed.code]).toEqual([127, 137]);
    expect(none.stderr).toBe("no-such-command: there is no such command\n");
  });

  test("while one runs another does not start: it ends with 125 and says who holds the lock", async () => {
    const holder = start(
      ["lock", "run", "service:b/x", "--purpose", "tea", "--", "sh", "-c", "echo on; exec sleep 60"],
      agent,
    );
    await until(() => holder.stdout() !== "");
    const refused = await spawned(["lock", "run", "service:b/x", "--", "echo", "never"], heir);
    expect(refused).toMatchObject({ code: 125, stdout: "" });
    expect(refused.stderr).toMatch(/RESOURCE_LOCKED[\s\S]*migrator holds it: tea/);
    // A signal reaches the command, and the lock is free when it has ended.
    holder.child.kill("SIGTERM");
    expect(await holder.ended).toMatchObject({ code: 143 });
    expect(await spawned(["lock", "run", "service:b/x", "--", "true"], heir)).toMatchObject({ code: 0 });
  });

  test("when the lease is lost the command and all that it started are killed, and it ends with 124", async () => {
    const script = "trap '' TERM; sleep 60 & echo $!; wait; wait";
    const key = "service:c/x";
    const running = start(["lock", "run", key, "--ttl", "5", "--grace", "0", "--", "sh", "-c", script], agent);
    await until(() => running.stdout() !== "");
    const grandchild = Number(running.stdout());
    await until(async () => (await locked(key)).length === 1);
    const [lock] = await locked(key);
    await cast.root.post("/locks/release", 204, { lock_id: lock?.id, force: true, reason: "stop it" });
    const ended = await running.ended;
    expect(ended.code).toBe(124);
    expect(ended.stderr).toContain("was lost");
    await until(() => !isRunning(grandchild));
  });

  /** An example, as one starts it from a shell. */
  async function example(args: readonly string[], env: Readonly<Record<string, string>>): Promise<Ran> {
    const child = spawn("bash", args, {
      cwd: ROOT,
      env: { PATH: process.env.PATH ?? "", COUNTERSIGN: COMMAND_LINE, ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let [stdout, stderr] = ["", ""];
    child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
    await once(child, "close");
    return { code: child.exitCode, stdout, stderr };
  }

  test("the example migrates under a lock", async () => {
    const folder = temporaryFolder();
    const files = ["1.sql", "2.sql"].map((name) => join(folder, name));
    for (const [at, file] of files.entries()) writeFileSync(file, `-- step ${at + 1}\n`);
    const migrated = await example(["examples/migrate-under-lock.sh", ...files], agent);
    expect(migrated).toMatchObject({ code: 0, stderr: "" });
    expect(migrated.stdout).toMatch(/1\.sql with fencing token 1\n-- step 1\n.*2\.sql.*\n-- step 2\n$/);
  });

  test("the example of a pipeline goes on once people agreed, and stops when they say no", async () => {
    const author = envFor(shared.url, cast.author.token);
    const decided = async (id: string, decision: object): Promise<Ran> => {
      const file = join(temporaryFolder(), "change.json");
      writeFileSync(file, JSON.stringify(draftOf("alice", [written("service", id)], { type: `ci.${id}` })));
      const job = example(["examples/ci-approval.sh", file], author);
      let open: Task | undefined;
      await until(async () => {
        [open] = (await cast.author.get<{ tasks: Task[] }>(`/tasks?type=ci.${id}&state=REVIEWING`)).tasks;
        return open !== undefined;
      });
      for (const { id: request } of open?.approval_requests ?? []) {
        const { task } = await cast.root.get<{ task: { state: string } }>(`/approvals/${request}`);
        if (task.state !== "REVIEWING") break;
        const who = cast.reviewers.find((one) =>
          open?.approval_requests.some((r) => r.id === request && r.reviewer_id === one.id),
        );
        await who?.post(`/approvals/${request}/respond`, 200, decision);
      }
      return job;
    };
    const [yes, no] = await Promise.all([
      decided("yes", { action: "approve" }),
      decided("no", { action: "reject", reason: "Friday" }),
    ]);
    expect(yes).toMatchObject({ code: 0, stderr: "" });
    expect(yes.stdout).toMatch(/^waiting for approval of .*\n[\s\S]*APPROVED/);
    expect(no.code).toBe(7);
    expect(no.stdout).toContain("Friday");
  });
}
