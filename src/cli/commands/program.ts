/** The whole of `countersign`: one command per thing that people and scripts do. */
import { Command, CommanderError } from "commander";
import { EXIT } from "../terminal/exit-code.ts";
import type { Streams } from "../terminal/streams.ts";
import { agentCommands } from "./agent.ts";
import { approvalCommands } from "./approval.ts";
import { auditCommands } from "./audit.ts";
import { Cli, type CommonFlags } from "./cli.ts";
import { completionCommand } from "./completion.ts";
import { doctorCommand } from "./doctor.ts";
import { eventCommands } from "./events.ts";
import { inboxCommands } from "./inbox.ts";
import { lockCommands } from "./lock.ts";
import { common } from "./options.ts";
import { policyCommands } from "./policy.ts";
import { sessionCommands } from "./session.ts";
import { simulateCommand } from "./simulate.ts";
import { taskCommands } from "./task.ts";

const EXIT_HELP = `
Ends with 0 ok, 1 failed, 2 usage, 3 not allowed, 4 not found, 5 conflict, 6 locked, 7 declined, 8 timeout,
75 unavailable; lock run: 124 lease lost, 125 not started. More in docs/cli.md.`;

export function programOf(cli: Cli, version: string): Command {
  const program = common(new Command("countersign"))
    .description("Agents change real systems; people countersign.")
    .version(version)
    .addHelpText("after", EXIT_HELP)
    .showHelpAfterError("(--help shows what there is)")
    .exitOverride()
    .configureOutput({
      writeOut: (text) => cli.streams.stdout.write(text),
      writeErr: (text) => cli.streams.stderr.write(text),
    })
    .hook("preAction", (_, command) => cli.adopt(command.optsWithGlobals<CommonFlags>()));
  sessionCommands(program, cli);
  taskCommands(program, cli);
  inboxCommands(program, cli);
  approvalCommands(program, cli);
  lockCommands(program, cli);
  agentCommands(program, cli);
  policyCommands(program, cli);
  auditCommands(program, cli);
  eventCommands(program, cli);
  simulateCommand(program, cli);
  doctorCommand(program, cli);
  completionCommand(program, cli);
  return program;
}

/**
 * Runs one command line.
 * @param argv without node and the script
 * @returns the exit code
 */
export async function runCli(
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
  version: string,
  streams: Streams = process,
): Promise<number> {
  const cli = new Cli(env, streams);
  try {
    await programOf(cli, version).parseAsync([...argv], { from: "user" });
  } catch (thrown) {
    // Help that was asked for is a success; commander has said the rest.
    if (thrown instanceof CommanderError) return thrown.exitCode === 0 ? EXIT.ok : EXIT.usage;
    cli.fail(thrown);
  }
  return cli.exit;
}
