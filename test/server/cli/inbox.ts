/** The interactive inbox on a real terminal, and the command as others install it. */
import { execFile } from "node:child_process";
import { mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { beforeAll, expect, test } from "vitest";
import type { Task } from "../../../src/tasks/task-contract.ts";
import { envFor, startOnTerminal } from "../../support/command-line.ts";
import { type Cast, draftOf, written } from "../../support/main-job.ts";
import { temporaryFolder, until } from "../../support/server.ts";
import type { SharedServer } from "../../support/shared-server.ts";

export function inboxSuite(shared: SharedServer): void {
  const run = promisify(execFile);
  const ROOT = join(import.meta.dirname, "../../..");

  let cast: Cast;
  beforeAll(async () => {
    cast = await shared.cast("cli-inbox");
  });

  async function submitted(description: string): Promise<string> {
    const draft = draftOf("alice", [written("service", description.replace(/\W/g, ""))], { description });
    const { id } = await cast.author.post<Task>("/tasks", 201, draft);
    await cast.author.post(`/tasks/${id}/submit`, 202);
    return id;
  }

  test("a reviewer opens, rejects and leaves with single keys, and the terminal is as it was", async () => {
    const id = await submitted("red \x1b[31m button");
    const bob = cast.reviewers[0];
    await until(async () => (await bob.get<{ approvals: unknown[] }>("/approvals")).approvals.length === 1);
    const inbox = startOnTerminal(["inbox"], envFor(shared.url, bob.token));
    await until(() => inbox.screen().includes("1 of 1"));
    expect(inbox.screen()).toContain("red ␛[31m button");
    inbox.press("o");
    await until(() => inbox.screen().includes("Risk"));
    inbox.press("r");
    await until(() => inbox.screen().includes("Why reject?"));
    inbox.press("\x1b[200~not on\nFriday\x1b[201~");
    await until(() => inbox.screen().includes("not on Friday"));
    inbox.press("\r");
    await until(() => inbox.screen().includes("is REJECTED"));
    inbox.press("q");
    expect(await inbox.ended).toBe(0);
    expect(inbox.screen()).toMatch(/\?2004l.*\?25h.*\?1049l\s*$/);
    const task = await cast.author.get<Task>(`/tasks/${id}`);
    expect(task).toMatchObject({ state: "REJECTED", approvals: [{ reviewer_id: "bob", reason: "not on Friday" }] });
  });

  test("a terminal that cannot move its cursor gets the list", async () => {
    const inbox = startOnTerminal(["inbox"], { ...envFor(shared.url, cast.reviewers[0].token), TERM: "dumb" });
    expect(await inbox.ended).toBe(0);
    expect(inbox.screen()).not.toContain("\x1b");
  });

  test("packed and unpacked elsewhere, beside what it depends on, the command starts and finds the server", async () => {
    const project = temporaryFolder();
    const packed = await run("npm", ["pack", "--ignore-scripts", "--json", "--pack-destination", project], {
      cwd: ROOT,
    });
    const [{ filename }] = JSON.parse(packed.stdout) as [{ filename: string }];
    const modules = join(project, "node_modules");
    mkdirSync(join(modules, "countersign"), { recursive: true });
    await run("tar", ["-xzf", join(project, filename), "--strip-components=1", "-C", join(modules, "countersign")]);
    for (const name of ["commander", "@clack"]) symlinkSync(join(ROOT, "node_modules", name), join(modules, name));
    const launch = join(modules, "countersign/src/cli/launch.js");
    const { stdout } = await run(process.execPath, [launch, "--version"], { cwd: project });
    expect(stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
    const env = { PATH: process.env.PATH ?? "", ...envFor(shared.url, cast.author.token) };
    const doctor = await run(process.execPath, [launch, "doctor"], { cwd: project, env });
    expect(doctor.stdout).toContain("user alice");
  });
}
