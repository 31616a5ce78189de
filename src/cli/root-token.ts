import { fileURLToPath } from "node:url";
import { provideRootToken } from "./server/dev-vars.ts";
import { reportFailure } from "./server/report-failure.ts";

/** Before `npm run dev`: wrangler takes ROOT_TOKEN from .dev.vars alone, and a worker without one answers every call with 503. */
try {
  provideRootToken(fileURLToPath(new URL("../..", import.meta.url)));
} catch (error) {
  reportFailure(error);
}
