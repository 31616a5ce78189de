/** Setup of every worker test file: D1 as a deploy leaves it, all migrations applied, no rows. */

import { applyD1Migrations } from "cloudflare:test";
import { env } from "cloudflare:workers";

if (env.TEST_MIGRATIONS === undefined) throw new Error("vitest.config.ts gives no TEST_MIGRATIONS");
await applyD1Migrations(env.DB, env.TEST_MIGRATIONS);
