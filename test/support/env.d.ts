/** What tests find in `env` of cloudflare:workers: the worker's bindings, and the migrations that vitest.config.ts adds. */
import type { D1Migration } from "cloudflare:test";
import type { Env as WorkerEnv } from "../../src/env.ts";

declare global {
  namespace Cloudflare {
    interface Env extends WorkerEnv {
      /** optional only so that actors, whose `Env` has none, still fit the platform's test functions */
      readonly TEST_MIGRATIONS?: D1Migration[];
    }
  }
}
