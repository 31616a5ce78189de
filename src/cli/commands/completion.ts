/** `countersign completion` */
import { Argument, type Command } from "commander";
import { commandTree } from "../completion/command-tree.ts";
import { completionScript, SHELLS, type Shell } from "../completion/completion-script.ts";
import type { Cli } from "./cli.ts";

export function completionCommand(program: Command, cli: Cli): void {
  program
    .command("completion")
    .description('completion for a shell: eval "$(countersign completion bash)"')
    .addArgument(new Argument("<shell>").choices(SHELLS))
    .action((shell: Shell) => {
      cli.streams.stdout.write(completionScript(shell, program.name(), commandTree(program)));
    });
}
