import { existsSync, mkdtempSync, rmSync, statfsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { cloudflareTest, readD1Migrations } from "@cloudflare/vitest-plugin";
import { defineConfig } from "vitest/config";

/** How busy the machine is decides no test; this ends one that hangs. */
const SLOW_MS = 60_000;

/**
 * What the tests store lies in one folder that goes with them, in memory where the machine has room for it there: a death of a
 * process, which is what they are about, loses nothing in it either, and no commit waits for a disk that others use.
 */
const MEMORY = "/dev/shm";
const ROOM_BYTES = 2 ** 31;
const folder = mkdtempSync(
  join(existsSync(MEMORY) && free(MEMORY) > ROOM_BYTES ? MEMORY : tmpdir(), "countersign-tests-"),
);
process.env.TMPDIR = folder;
process.once("exit", () => rmSync(folder, { recursive: true, force: true }));

function free(place: string): number {
  const { bavail, bsize } = statfsSync(place);
  return bavail * bsize;
}

/** What the worker imports that is not ours, bundled once: every worker test file starts a runtime that would load it module by module. */
const LIBRARIES = [
  "@asteasolutions/zod-to-openapi",
  "@scalar/hono-api-reference",
  "canonicalize",
  "diff",
  "hono",
  "standardwebhooks",
  "zod",
];

/**
 * Four kinds of tests: `rules` are pure and run in plain Node; `kit` runs the actor kit inside workerd under probes; `workers`
 * (`*.worker.test.ts`) run the product inside workerd with real Durable Objects and D1; `server` (test/server) spawns what `npm start` runs and talks to it over HTTP.
 */
export default defineConfig({
  test: {
    // By default two cores get one worker; most tests wait for disks and clocks, not for the processor.
    maxWorkers: 3,
    // Actors that still have something to do when the last test is over end with their runtime; that is no failure of a test.
    onUnhandledError: ({ name }) => name !== "EnvironmentTeardownError",
    projects: [
      {
        test: {
          name: "rules",
          environment: "node",
          // Pure modules leave nothing behind.
          isolate: false,
          include: ["src/**/*.test.ts", "bench/**/*.test.ts"],
          exclude: ["src/**/*.worker.test.ts"],
          testTimeout: SLOW_MS,
        },
      },
      {
        plugins: [
          cloudflareTest({
            main: "./test/support/probe-worker.ts",
            miniflare: {
              compatibilityDate: "2026-08-15",
              compatibilityFlags: ["nodejs_compat"],
              durableObjects: {
                RESOURCE: { className: "ProbeActor", useSQLite: true },
                AGENT: { className: "ProbeActor", useSQLite: true },
                INBOX: { className: "ProbeActor", useSQLite: true },
                LEDGER: { className: "ProbeLedger", useSQLite: true },
              },
            },
          }),
        ],
        test: { name: "kit", include: ["src/actor/*.worker.test.ts"], testTimeout: SLOW_MS, hookTimeout: SLOW_MS },
      },
      {
        plugins: [
          cloudflareTest(async () => ({
            wrangler: { configPath: "./wrangler.toml" },
            miniflare: {
              bindings: {
                TEST_MIGRATIONS: await readD1Migrations("./migrations"),
                ROOT_TOKEN: "test-root-token-of-at-least-32-characters",
                RATE_LIMIT_READS: "0",
                RATE_LIMIT_WRITES: "0",
              },
            },
          })),
        ],
        test: {
          name: "workers",
          // Each test has a workspace of its own; what they share, D1's schema, they leave as it was.
          isolate: false,
          // What an actor has to say after the last test has nobody to be carried to.
          disableConsoleIntercept: true,
          deps: { optimizer: { ssr: { enabled: true, include: LIBRARIES } } },
          include: ["src/**/*.worker.test.ts", "test/**/*.worker.test.ts"],
          exclude: ["src/actor/**"],
          setupFiles: ["./test/support/quiet.ts", "./test/support/migrate.ts"],
          testTimeout: SLOW_MS,
          hookTimeout: SLOW_MS,
        },
      },
      {
        test: {
          name: "server",
          environment: "node",
          isolate: false,
          include: ["test/server/**/*.test.ts"],
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
    ],
  },
});
