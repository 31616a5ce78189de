import { rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { build } from "esbuild";

/** The bundled command, under the project's root: what `countersign` runs where it is installed. */
export const COMMAND = "dist/cli/countersign.js";

/** Bundles src/cli/countersign.ts into one module: one file to read is a fast start. What package.json depends on stays out. */
export async function buildCommand(root: string): Promise<void> {
  rmSync(join(root, dirname(COMMAND)), { recursive: true, force: true });
  await build({
    entryPoints: [join(root, "src/cli/countersign.ts")],
    outfile: join(root, COMMAND),
    absWorkingDir: root,
    bundle: true,
    format: "esm",
    platform: "node",
    target: "node20",
    external: ["commander", "@clack/prompts"],
    logLevel: "error",
  });
}
