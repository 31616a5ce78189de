import { once } from "node:events";
import { mkdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import {
  isRunning,
  ROOT_TOKEN,
  runToEnd,
  type Server,
  startServer,
  temporaryFolder,
  until,
} from "../support/server.ts";

const asRoot = { Authorization: `Bearer ${ROOT_TOKEN}`, "Content-Type": "application/json" };

async function createUser(server: Server, id: string): Promise<number> {
  const body = JSON.stringify({ id, name: "Ada", roles: ["author"] });
  return (await fetch(`${server.url}/api/v1/users`, { method: "POST", headers: asRoot, body })).status;
}

async function readUser(server: Server, id: string): Promise<number> {
  return (await fetch(`${server.url}/api/v1/users/${id}`, { headers: asRoot })).status;
}

describe("one server, from start to end", () => {
  let server: Server;

  test("answers within 10 s", async () => {
    const begun = Date.now();
    server = await startServer();
    expect(Date.now() - begun).toBeLessThan(10_000);
    expect((await fetch(`${server.url}/healthz`)).status).toBe(200);
    expect(server.stdout()).toContain(`countersign listening on ${server.url} (state `);
    expect(await createUser(server, "ada")).toBe(201);
  });

  test("has its state directory to itself: a second server says whose it is and leaves the first alone", async () => {
    const second = await runToEnd({ STATE_DIR: server.stateDir });
    expect(second.code).toBe(1);
    expect(second.stderr).toMatch(/^countersign: STATE_DIR \S+ is in use by a running server \(process \d+\)\n$/);
    expect((await fetch(`${server.url}/readyz`)).status).toBe(200);
  });

  test("ends within 3 s of SIGTERM with code 0, and keeps its state for the next", async () => {
    const workerd = server.workerd();
    const ended = await server.end("SIGTERM");
    expect(ended).toMatchObject({ code: 0, stderr: "" });
    expect(ended.after).toBeLessThan(3_000);
    expect(isRunning(workerd)).toBe(false);

    const again = await server.restart();
    expect(again.url).toBe(server.url);
    expect(await readUser(again, "ada")).toBe(200);
    server = again;
  });

  test("replaces a workerd that crashes, on the same port and state", async () => {
    const crashed = server.workerd();
    process.kill(crashed, "SIGKILL");
    await until(() => server.workerd() !== crashed);
    await until(() =>
      fetch(`${server.url}/readyz`).then(
        (answer) => answer.ok,
        () => false,
      ),
    );
    expect(await readUser(server, "ada")).toBe(200);
  });

  test("leaves no workerd behind at kill -9, not even one that replaced another, and loses nothing that was acknowledged", async () => {
    const workerd = server.workerd();
    expect(isRunning(workerd)).toBe(true);
    expect(await createUser(server, "grace")).toBe(201);
    await server.end("SIGKILL");
    await until(() => !isRunning(workerd));

    server = await server.restart();
    expect(await readUser(server, "grace")).toBe(200);
  });

  test("ends at SIGINT with code 0, too", async () => {
    const workerd = server.workerd();
    expect((await server.end("SIGINT")).code).toBe(0);
    expect(isRunning(workerd)).toBe(false);
  });
});

test("what cannot work is refused in one line with code 1", async () => {
  const file = join(temporaryFolder(), "file");
  writeFileSync(file, "");
  const taken = createServer().listen(0, "127.0.0.1");
  await once(taken, "listening");
  const address = taken.address();
  const port = typeof address === "object" ? String(address?.port) : "";

  const refused = await Promise.all([
    runToEnd({ PORT: "abc" }),
    runToEnd({ RATE_LIMIT_READS: "-1" }),
    runToEnd({ ROOT_TOKEN: "too short" }),
    runToEnd({ STATE_DIR: file }),
    runToEnd({ PORT: port }),
    runToEnd({ HOST: "203.0.113.1" }),
  ]);
  taken.close();
  const lines = [
    "PORT must be",
    "RATE_LIMIT_READS must be",
    "ROOT_TOKEN must have",
    `STATE_DIR ${file} cannot be used: ENOTDIR`,
    `PORT ${port} on`,
    "HOST ",
  ];
  for (const [at, ended] of refused.entries()) {
    expect(ended.code).toBe(1);
    expect(ended.stdout).toBe("");
    expect(ended.stderr.startsWith(`countersign: ${lines[at]}`), ended.stderr).toBe(true);
    expect(ended.stderr.trimEnd()).not.toContain("\n");
  }
});

test("a database that cannot be opened, broken or on a full disk, is told by its STATE_DIR and not by a stack", async () => {
  const STATE_DIR = temporaryFolder();
  const databases = join(STATE_DIR, "d1", "miniflare-D1DatabaseObject");
  mkdirSync(databases, { recursive: true });
  writeFileSync(join(databases, "metadata.sqlite"), "no database ".repeat(100));
  const { code, stderr } = await runToEnd({ STATE_DIR });
  expect(code).toBe(1);
  // The lines before are workerd's own.
  expect(stderr.trimEnd().split("\n").at(-1)).toMatch(
    new RegExp(`^countersign: STATE_DIR ${STATE_DIR} cannot be used: .*SQLITE_NOTADB$`),
  );
});
