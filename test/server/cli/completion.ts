/** Completion, by the shells themselves. zsh runs what bash runs; its line editor was tried by hand (docs/cli.md). */
import { execFileSync, spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { run } from "../../support/command-line.ts";
import { temporaryFolder } from "../../support/server.ts";

export function completionSuite(): void {
  /** What a shell offers for the last of some words. */
  type Completing = (script: string, words: readonly string[]) => string;

  const SHELLS: Readonly<Record<string, Completing>> = {
    bash: (script, words) => {
      const typed = `COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _countersign; echo "\${COMPREPLY[*]}"`;
      return execFileSync("bash", ["-c", `source "$1"; shift; ${typed}`, "bash", script, ...words], {
        encoding: "utf8",
      });
    },
    fish: (script, words) => {
      const typed = "source $argv[1]; complete -C $argv[2] | cut -f 1";
      return execFileSync("fish", ["-c", typed, script, words.join(" ")], { encoding: "utf8" });
    },
  };

  test("a shell completes commands, options and choices with its script: bash, and fish where it is installed", async () => {
    const folder = temporaryFolder();
    const installed = Object.entries(SHELLS).filter(([shell]) => spawnSync(shell, ["--version"]).status === 0);
    expect(installed.map(([shell]) => shell)).toContain("bash");
    for (const [shell, completing] of installed) {
      const script = join(folder, `complete.${shell}`);
      writeFileSync(script, (await run(["completion", shell], {})).stdout);
      const complete = (...words: string[]) =>
        completing(script, ["countersign", ...words])
          .trim()
          .split(/\s+/)
          .sort();
      expect(complete("ta"), shell).toEqual(["task"]);
      expect(complete("lock", "r")).toEqual(["release", "run"]);
      expect(complete("task", "ls", "--js")).toEqual(["--json"]);
      expect(complete("task", "watch", "some-id", "--until", "")).toEqual(["decided", "ended"]);
      expect(complete("completion", "")).toEqual(expect.arrayContaining(["bash", "fish", "zsh"]));
      expect(complete("batch", "re")).toEqual(["reject"]);
      expect(complete("batch", "approve", "--c")).toEqual(["--continue-on-error"]);
      expect(complete("batch", "approve", "--ap")).toEqual([""]);
    }
  });
}
