/** The trail from a shell: taken home, and proved. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import type { Task } from "../../../src/tasks/task-contract.ts";
import { adminOf, run } from "../../support/command-line.ts";
import { approvedTask, type Cast, written } from "../../support/main-job.ts";
import { temporaryFolder, until } from "../../support/server.ts";
import type { SharedServer } from "../../support/shared-server.ts";

export function trailSuite(shared: SharedServer): void {
  let admin: Record<string, string>;
  let task: Task;
  beforeAll(async () => {
    const cast: Cast = await shared.cast("cli-trail");
    admin = adminOf(cast);
    task = await approvedTask(cast, [written("service", "audited")]);
    // What was acknowledged is in the trail, a moment later.
    await until(async () =>
      (await run(["audit", "ls", "--task", task.id, "--json"], admin)).stdout.includes("task.approved"),
    );
  });

  test("the trail is exported, proved as a file and with the server; a changed file is found out", async () => {
    const file = join(temporaryFolder(), "trail.ndjson");
    const exported = await run(["audit", "export", file, "--json"], admin);
    expect(exported).toMatchObject({ code: 0, stderr: "" });
    const { rows } = JSON.parse(exported.stdout) as { rows: number };
    const tampered = `${file}.tampered`;
    writeFileSync(tampered, readFileSync(file, "utf8").replace("alice", "malle"));
    const [proved, found, served, listed] = await Promise.all([
      run(["audit", "verify", file, "--rows", String(rows)], admin),
      run(["audit", "verify", tampered, "--json"], admin),
      run(["audit", "verify", "--json"], admin),
      run(["audit", "ls", "--limit", "3"], admin),
    ]);
    expect(proved).toMatchObject({ code: 0 });
    expect(proved.stdout).toMatch(/^valid: /);
    expect(found).toMatchObject({ code: 1 });
    expect(JSON.parse(found.stdout)).toMatchObject({ valid: false });
    expect(JSON.parse(served.stdout)).toMatchObject({ valid: true });
    expect(listed.stdout.split("\n")[0]).toMatch(/^ID +WHEN +ACTION/);
  });

  test("without a file it goes to standard output, and only the file: what people see goes beside it", async () => {
    const [rows, csv, none] = await Promise.all([
      run(["audit", "export", "--task", task.id], admin, "", true),
      run(["audit", "export", "--task", task.id, "--format", "csv"], admin),
      run(["audit", "export", "--who", "nobody"], admin),
    ]);
    const entries = rows.stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as { action: string });
    expect(entries.map(({ action }) => action)).toContain("task.approved");
    const [head, ...lines] = csv.stdout.trimEnd().split("\r\n");
    expect(head).toMatch(/^id,workspace,actor,seq,/);
    expect(lines).toHaveLength(entries.length);
    expect(none).toEqual({ code: 0, stdout: "", stderr: "" });
    expect(await run(["audit", "export", "--json"], admin)).toMatchObject({ code: 2, stdout: "" });
  });

  test("who looks on sees how far an export and a proof are; who does not is told nothing", async () => {
    const file = join(temporaryFolder(), "trail.ndjson");
    const exported = await run(["audit", "export", file], admin, "", true);
    const [, rows] = /(\d+) rows in/.exec(exported.stdout) ?? [];
    expect(exported.stderr).toContain(`█ 100 %  ${rows} of ${rows} rows`);
    const verified = await run(["audit", "verify", file], admin, "", true);
    expect(verified.stderr).toContain("█ 100 %");
    const unseen = await run(["audit", "verify", file], admin);
    expect(unseen.stderr).toBe("");
    expect(verified.stdout).toBe(unseen.stdout);
    const piped = await run(["audit", "verify", "-", "--rows", rows ?? ""], admin, readFileSync(file, "utf8"));
    expect(piped).toEqual(unseen);
  });
}
