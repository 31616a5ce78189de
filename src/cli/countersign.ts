/** The `countersign` command (docs/cli.md). */
import { readFileSync } from "node:fs";
import { runCli } from "./commands/program.ts";
import { EXIT } from "./terminal/exit-code.ts";

const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as {
  version: string;
};

// Whoever reads along and goes away (`countersign task ls | head`) has what they wanted.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
  process.exit(EXIT.ok);
});

process.exitCode = await runCli(process.argv.slice(2), process.env, version);
