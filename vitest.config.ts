import { cloudflareTest, readD1Migrations } from "@cloudflare/vitest-pool-workers";
import { defineConfig } from "vitest/config";

/**
 * Three kinds of tests: `rules` are pure and run in plain Node; `workers` (`*.worker.test.ts`) run inside workerd with real
 * Durable Objects and D1; `server` (test/server) spawns what `npm start` runs and talks to it over HTTP.
 */
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: "rules",
          environment: "node",
          include: ["src/**/*.test.ts"],
          exclude: ["src/**/*.worker.test.ts"],
        },
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
          setupFiles: ["./test/support/migrate.ts"],
        },
      },
      {
        test: {
          name: "server",
          environment: "node",
          include: ["test/server/**/*.test.ts"],
          testTimeout: 60_000,
          hookTimeout: 60_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
