import { fileURLToPath } from "node:url";
import { buildClient, CLIENT } from "./client/package.ts";
import { BUNDLE, build } from "./server/bundle.ts";
import { reportFailure } from "./server/report-failure.ts";

/** `npm run build`: what `wrangler deploy` would ship and what `npm pack` does, into dist/. With `client`: only the latter. */
const root = fileURLToPath(new URL("../..", import.meta.url));

try {
  if (process.argv[2] !== "client") {
    await build(root);
    console.log(`built ${BUNDLE}`);
  }
  await buildClient(root);
  console.log(`built ${CLIENT}`);
} catch (error) {
  reportFailure(error);
}
