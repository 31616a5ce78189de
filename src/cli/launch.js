#!/usr/bin/env node
/** What `npx countersign` starts: in a checkout the source as it is, in the published package the bundle of it. */
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

const source = new URL("./countersign.ts", import.meta.url);
const bundle = new URL("../../dist/cli/countersign.js", import.meta.url);

// An older Node runs no TypeScript: there the bundle has to do, if `npm run build` made one.
if (process.features.typescript && existsSync(source)) await import(source.href);
else if (existsSync(bundle)) await import(bundle.href);
else {
  const root = fileURLToPath(new URL("../..", import.meta.url));
  console.error(
    `error: Node ${process.version} runs no TypeScript\n  → \`npm run build\` in ${root} first, or take Node 24`,
  );
  process.exitCode = 2;
}
