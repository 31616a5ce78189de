/** `npm run build`: what `wrangler deploy` would ship and what `npm pack` does, into dist/. With `package`: only the latter. */
import { fileURLToPath } from "node:url";
import { buildCommand, COMMAND } from "./client/command.ts";
import { buildClient, CLIENT } from "./client/package.ts";
import { BUNDLE, build } from "./server/bundle.ts";
import { reportFailure } from "./server/report-failure.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

try {
  if (process.argv[2] !== "package") {
    await build(root);
    console.log(`built ${BUNDLE}`);
  }
  await buildClient(root);
  console.log(`built ${CLIENT}`);
  await buildCommand(root);
  console.log(`built ${COMMAND}`);
} catch (error) {
  reportFailure(error);
}
