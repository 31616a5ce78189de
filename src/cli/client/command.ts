import { mkdirSync, renameSync } from "node:fs";
import { dirname, join } from "node:path";
import { build } from "esbuild";

/** The bundled command, under the project's root: what `countersign` runs where it is installed. */
export const COMMAND = "dist/cli/countersign.js";

/**
 * Bundles src/cli/countersign.ts into one module: one file to read is a fast start. What
 * package.json depends on stays out. It is there as a whole or not at all: it may be built twice at once.
 */
export async function buildCommand(root: string): Promise<void> {
  const draft = join(root, `dist/countersign.${process.pid}.js`);
  mkdirSync(join(root, dirname(COMMAND)), { recursive: true });
  await build({
    entryPoints: [join(root, "src/cli/countersign.ts")],
    outfile: draft,
    absWorkingDir: root,
    bundle: true,
    format: "esm",
    platform: "node",
    target: "node20",
    // What is a program of its own as a source file is not one within the bundle.
    define: { "import.meta.main": "false" },
    external: ["commander", "@clack/prompts"],
    logLevel: "error",
  });
  renameSync(draft, join(root, COMMAND));
}
