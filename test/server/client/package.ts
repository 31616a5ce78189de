/** The client as others get it: the packed package in an empty project, and the example that is built on it. */
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { promisify } from "node:util";
import { beforeAll, expect, test } from "vitest";
import { buildClient } from "../../../src/cli/client/package.ts";
import { type OpenApiDocument, schemaOf } from "../../../src/cli/client/schema-of.ts";
import { OPERATIONS } from "../../../src/client/operations.ts";
import type { Task } from "../../../src/tasks/task-contract.ts";
import { approvedTask, type Cast, written } from "../../support/main-job.ts";
import { temporaryFolder, until } from "../../support/server.ts";
import type { SharedServer } from "../../support/shared-server.ts";

const run = promisify(execFile);
const ROOT = join(import.meta.dirname, "../../..");
const TSC = createRequire(import.meta.url)
  .resolve("typescript/package.json")
  .replace("package.json", "bin/tsc");

/** What a program of somebody else looks like. */
const PROGRAM = `
import { Countersign, type Schema, isCountersignError } from "countersign/client";
const client = new Countersign({ url: process.argv[2] ?? "", token: process.argv[3] ?? "" });
const { id, kind } = await client.users.me();
const list: readonly Schema<"Task">[] = (await client.tasks.list({ state: ["DRAFT"] })).tasks;
// @ts-expect-error there is no such filter
await client.tasks.list({ colour: "red" }).catch((error: unknown) => {
  if (!isCountersignError(error, "VALIDATION_ERROR")) throw error;
});
console.log(kind, id, list.length);
`;

export function packedSuite(shared: SharedServer): void {
  let cast: Cast;
  beforeAll(async () => {
    await buildClient(ROOT);
    cast = await shared.cast("client-package");
  });

  const document = async (): Promise<OpenApiDocument> => (await fetch(`${shared.url}/openapi.json`)).json();

  test("packed, it holds the client and nothing of the worker; in an empty project it runs and its types check", async () => {
    const project = temporaryFolder();
    const packed = await run("npm", ["pack", "--ignore-scripts", "--json", "--pack-destination", project], {
      cwd: ROOT,
    });
    const [{ filename, files }] = JSON.parse(packed.stdout) as [{ filename: string; files: { path: string }[] }];
    const foreign = files.filter(
      ({ path }) =>
        !/^(dist\/client\/[\w-]+\.(js|d\.ts)|dist\/cli\/countersign\.js|src\/cli\/launch\.js|package\.json|README\.md)$/.test(
          path,
        ),
    );
    expect(foreign).toEqual([]);

    // As `npm install` unpacks it, without what the command line needs besides.
    const installed = join(project, "node_modules/countersign");
    mkdirSync(installed, { recursive: true });
    await run("tar", ["-xzf", join(project, filename), "--strip-components=1", "-C", installed]);
    for (const { path } of files.filter(({ path }) => /^dist\/client\/.*\.js$/.test(path)))
      expect(readFileSync(join(installed, path), "utf8")).not.toMatch(/from "(?!\.\/)/);

    writeFileSync(join(project, "package.json"), '{ "type": "module" }');
    writeFileSync(join(project, "program.ts"), PROGRAM);
    writeFileSync(join(project, "env.d.ts"), "declare const process: { argv: string[] };");
    const options = ["--strict", "--exactOptionalPropertyTypes", "--module", "nodenext", "--target", "es2022"];
    await run(process.execPath, [TSC, ...options, "--lib", "es2023,dom", "--types", "", "env.d.ts", "program.ts"], {
      cwd: project,
    });
    const said = await run(process.execPath, ["program.js", shared.url, cast.author.token], { cwd: project });
    expect(said.stdout).toBe("user alice 0\n");
  });

  test("its types are those of the OpenAPI document as served: `npm run client:types` would change nothing", async () => {
    const schema = await schemaOf(await document());
    expect(readFileSync(join(ROOT, "src/client/schema.ts"), "utf8")).toBe(schema);
  });

  /** Opened by `client.events`, which needs more than a request. */
  const OPENED_OTHERWISE = new Set(["GET /ws"]);

  test("every operation of the document has a method by name, and only one", async () => {
    const { paths } = await document();
    // What lies outside are pages for people.
    const served = Object.entries(paths).filter(([path]) => path.startsWith("/api/v1/"));
    const operations = served.flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path.replace("/api/v1", "")}`),
    );
    const named = Object.values(OPERATIONS).flatMap((group) => Object.values(group).map(([route]): string => route));
    expect(operations.filter((one) => !OPENED_OTHERWISE.has(one) && !named.includes(one))).toEqual([]);
    expect(named.filter((one, at) => !operations.includes(one) || named.indexOf(one) !== at)).toEqual([]);
  });

  test("the example agent works on what is approved, and ends with code 0 on SIGTERM when that is done", async () => {
    const task = await approvedTask(cast, [written("service", "shop")], { type: "service.deploy" });
    const agent = spawn(process.execPath, ["examples/agent-worker.ts"], {
      cwd: ROOT,
      env: { ...process.env, COUNTERSIGN_URL: shared.url, COUNTERSIGN_TOKEN: cast.agent.token },
      stdio: ["ignore", "pipe", "inherit"],
    });
    let said = "";
    agent.stdout.setEncoding("utf8").on("data", (text: string) => (said += text));
    const ended = once(agent, "exit");
    await until(async () => (await cast.author.get<Task>(`/tasks/${task.id}`)).state === "COMPLETED");
    agent.kill("SIGTERM");
    expect(await ended).toEqual([0, null]);
    expect(said).toBe("working; SIGTERM drains\ndeployed service:prod/shop\n");
    expect((await cast.author.get<Task>(`/tasks/${task.id}`)).execution?.output).toEqual({ deployed: true });
  });
}
