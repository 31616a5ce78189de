/** What can be typed: the commands and their options, out of the program itself, so that nothing is written twice. */
import type { Command } from "commander";

export interface CommandNode {
  /** `["task", "ls"]`; empty for the program. A first argument that is one of a few is typed like a command: `["batch", "approve"]`. */
  readonly path: readonly string[];
  readonly summary: string;
  readonly commands: readonly { readonly name: string; readonly summary: string }[];
  /** The long forms; `choices` where only these may follow. */
  readonly options: readonly {
    readonly name: string;
    readonly summary: string;
    readonly takesValue: boolean;
    readonly choices: readonly string[];
  }[];
}

/** Every command, parents before children. */
export function commandTree(command: Command, path: readonly string[] = []): CommandNode[] {
  const summary = command.description();
  const words = command.registeredArguments[0]?.argChoices ?? [];
  const node: CommandNode = {
    path,
    summary,
    commands: [
      ...command.commands.map((one) => ({ name: one.name(), summary: one.description() })),
      ...words.map((name) => ({ name, summary })),
    ],
    options: command.options.map((one) => ({
      name: one.long ?? one.short ?? one.flags,
      summary: one.description,
      takesValue: one.required || one.optional,
      choices: one.argChoices ?? [],
    })),
  };
  return [
    node,
    ...words.map((word) => ({ ...node, path: [...path, word], commands: [] })),
    ...command.commands.flatMap((one) => commandTree(one, [...path, one.name()])),
  ];
}
