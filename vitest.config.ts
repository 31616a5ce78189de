import { cloudflareTest, readD1Migrations } from "@cloudflare/vitest-pool-workers";
import { defineConfig } from "vitest/config";

/** How busy the machine is decides no test; this ends one that hangs. */
const SLOW_MS = 60_000;

/**
 * Four kinds of tests: `rules` are pure and run in plain Node; `kit` runs the actor kit inside workerd under probes; `workers`
 * (`*.worker.test.ts`) run the product inside workerd with real Durable Objects and D1; `server` (test/server) spawns what `npm start` runs and talks to it over HTTP.
 */
export default defineConfig({
  test: {
    // By default two cores get one worker; most tests wait for disks and clocks, not for the processor.
    maxWorkers: 2,
    projects: [
      {
        test: {
          name: "rules",
          environment: "node",
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
        test: { name: "kit", include: ["src/actor/*.worker.test.ts"], testTimeout: SLOW_MS },
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
          include: ["src/**/*.worker.test.ts", "test/**/*.worker.test.ts"],
          exclude: ["src/actor/**"],
          setupFiles: ["./test/support/migrate.ts"],
          testTimeout: SLOW_MS,
        },
      },
      {
        test: {
          name: "server",
          environment: "node",
          include: ["test/server/**/*.test.ts"],
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
    ],
  },
});
