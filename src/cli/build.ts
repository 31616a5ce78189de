import { fileURLToPath } from "node:url";
import { BUNDLE, build } from "./server/bundle.ts";
import { reportFailure } from "./server/report-failure.ts";

/** `npm run build`: what `wrangler deploy` would ship, into dist/. */
const root = fileURLToPath(new URL("../..", import.meta.url));

try {
  await build(root);
  console.log(`built ${BUNDLE}`);
} catch (error) {
  reportFailure(error);
}
