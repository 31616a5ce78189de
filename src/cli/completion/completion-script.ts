/** Completion scripts for shells, made of the command tree. */
import type { CommandNode } from "./command-tree.ts";

export const SHELLS = ["bash", "zsh", "fish"] as const;
export type Shell = (typeof SHELLS)[number];

/** @param name of the program */
export function completionScript(shell: Shell, name: string, tree: readonly CommandNode[]): string {
  switch (shell) {
    case "bash":
      return bash(name, tree);
    case "zsh":
      return zsh(name, tree);
    case "fish":
      return fish(name, tree);
  }
}

const keyOf = (path: readonly string[]) => path.join(" ");
const wordsOf = ({ commands, options }: CommandNode) => [...commands, ...options].map(({ name }) => name).join(" ");

/** Finds the command that is being typed by walking the words; then offers its commands, options or choices. */
function bash(name: string, tree: readonly CommandNode[]): string {
  const known = tree.filter(({ path }) => path.length > 0).map(({ path }) => `"${keyOf(path)}"`);
  const choices = valuesIn(tree).map(
    ({ path, option, values }) => `    "${keyOf(path)}:${option}") words="${values.join(" ")}" ;;`,
  );
  return `_${name}() {
  local cur="\${COMP_WORDS[COMP_CWORD]}" prev="\${COMP_WORDS[COMP_CWORD-1]}" at="" words="" i
  for ((i = 1; i < COMP_CWORD; i++)); do
    case "\${at:+$at }\${COMP_WORDS[i]}" in
      ${known.join("|")}) at="\${at:+$at }\${COMP_WORDS[i]}" ;;
    esac
  done
  case "$at:$prev" in
${choices.join("\n")}
    *) case "$at" in
${tree.map((node) => `      "${keyOf(node.path)}") words="${wordsOf(node)}" ;;`).join("\n")}
    esac ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
}
complete -o default -F _${name} ${name}
`;
}

/** zsh runs the functions of bash once it is told to; so both complete the same. */
function zsh(name: string, tree: readonly CommandNode[]): string {
  return `#compdef ${name}
autoload -Uz +X compinit && compinit
autoload -Uz +X bashcompinit && bashcompinit
${bash(name, tree)}`;
}

function fish(name: string, tree: readonly CommandNode[]): string {
  const lines = tree.flatMap((node) => {
    const { commands, options } = node;
    const when = conditionOf(node, tree);
    return [
      ...commands.map((one) => `complete -c ${name} -f -n ${when} -a ${one.name} -d ${quoted(one.summary)}`),
      ...options
        .filter((one) => one.name.startsWith("--"))
        .map((one) => {
          const value =
            one.choices.length > 0 ? ` -x -a ${quoted(one.choices.join(" "))}` : one.takesValue ? " -r" : "";
          return `complete -c ${name} -n ${when} -l ${one.name.slice(2)}${value} -d ${quoted(one.summary)}`;
        }),
    ];
  });
  return `${lines.join("\n")}\n`;
}

/** True in this command, and neither in one below it nor in one elsewhere of which it is a part: `approve` in `batch approve`. */
function conditionOf({ path, commands }: CommandNode, tree: readonly CommandNode[]): string {
  const elsewhere = tree
    .filter((other) => path.length > 0 && path.every((word) => other.path.includes(word)))
    .filter((other) => path.some((word, at) => other.path[at] !== word))
    .flatMap((other) => other.path.filter((word) => !path.includes(word)));
  const others = new Set([...commands.map(({ name }) => name), ...elsewhere]);
  const inside = path.map((word) => `__fish_seen_subcommand_from ${word}`);
  const outside = others.size > 0 ? [`not __fish_seen_subcommand_from ${[...others].join(" ")}`] : [];
  return quoted([...inside, ...outside].join("; and "));
}

/** The options that a value follows, and which: none where it may be any. */
function valuesIn(tree: readonly CommandNode[]) {
  return tree.flatMap(({ path, options }) =>
    options.filter((one) => one.takesValue).map(({ name: option, choices: values }) => ({ path, option, values })),
  );
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "\\'")}'`;
}
