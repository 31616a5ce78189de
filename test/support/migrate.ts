/** Setup of every worker test file: D1 as a deploy leaves it, all migrations applied, no rows. */

import { applyD1Migrations } from "cloudflare:test";
import { env } from "cloudflare:workers";

await applyD1Migrations(env.DB, env.TEST_MIGRATIONS);
