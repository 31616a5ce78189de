#!/usr/bin/env node
/** What `npx countersign` starts: in a checkout the source as it is, in the published package the bundle of it. */
import { existsSync } from "node:fs";

const source = new URL("./countersign.ts", import.meta.url);
await import(existsSync(source) ? source.href : new URL("../../dist/cli/countersign.js", import.meta.url).href);
