import { Argument, Command, Option } from "commander";
import { describe, expect, it } from "vitest";
import { commandTree } from "./command-tree.ts";
import { completionScript, SHELLS } from "./completion-script.ts";

const program = new Command("cs");
const lock = program.command("lock").description("locks");
lock
  .command("ls")
  .description("who's there")
  .addOption(new Option("--mode <mode>", "how").choices(["one", "all"]));
lock.command("run").option("--ttl <seconds>", "how long").option("--now");
program.command("one").description("one lock").addArgument(new Argument("<id>"));
program
  .command("many")
  .addArgument(new Argument("<what>").choices(["one", "two"]))
  .argument("<ids...>")
  .option("--dry");
const tree = commandTree(program);

describe("completion", () => {
  it("knows every command with its options, out of the program itself", () => {
    expect(tree.map(({ path }) => path.join(" "))).toEqual([
      "",
      "lock",
      "lock ls",
      "lock run",
      "one",
      "many",
      "many one",
      "many two",
    ]);
    expect(tree[2]?.options).toEqual([{ name: "--mode", summary: "how", takesValue: true, choices: ["one", "all"] }]);
  });

  it.each(SHELLS)("for %s offers each of them", (shell) => {
    const script = completionScript(shell, "cs", tree);
    for (const word of ["lock", "ls", "run", "mode", "ttl", "one all"]) expect(script).toContain(word);
  });

  it("offers no command where the value of an option belongs", () => {
    expect(completionScript("bash", "cs", tree)).toContain('"lock run:--ttl") words="" ;;');
    expect(completionScript("bash", "cs", tree)).toContain('"lock ls:--mode") words="one all" ;;');
    expect(completionScript("bash", "cs", tree)).not.toContain(":--now");
  });

  it("quotes for fish what people write, and offers nothing below a command that is not there yet", () => {
    const lines = completionScript("fish", "cs", tree).split("\n");
    expect(lines).toContain("complete -c cs -f -n 'not __fish_seen_subcommand_from lock one many' -a lock -d 'locks'");
    expect(lines).toContain(
      "complete -c cs -f -n '__fish_seen_subcommand_from lock; and not __fish_seen_subcommand_from ls run' -a ls -d 'who\\'s there'",
    );
    expect(lines).toContain(
      "complete -c cs -n '__fish_seen_subcommand_from lock; and __fish_seen_subcommand_from run' -l now -d ''",
    );
  });

  it("takes an argument that is one of a few for a command: it is offered once, and what follows it after it", () => {
    expect(completionScript("bash", "cs", tree)).toContain('"many") words="one two --dry" ;;');
    expect(completionScript("bash", "cs", tree)).toContain('"many one") words="--dry" ;;');
    const lines = completionScript("fish", "cs", tree).split("\n");
    const many = "__fish_seen_subcommand_from many";
    expect(lines).toContain(`complete -c cs -f -n '${many}; and not __fish_seen_subcommand_from one two' -a two -d ''`);
    expect(lines).toContain(`complete -c cs -n '${many}; and __fish_seen_subcommand_from one' -l dry -d ''`);
  });
});
