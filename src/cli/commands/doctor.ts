/** `countersign doctor` */
import type { Command } from "commander";
import { type Finding, findingsOf } from "../doctor/findings.ts";
import { measure } from "../doctor/measure.ts";
import { EXIT } from "../terminal/exit-code.ts";
import type { Ink } from "../terminal/paint.ts";
import { plainLine } from "../terminal/plain-text.ts";
import type { Look } from "../terminal/table.ts";
import type { Cli } from "./cli.ts";
import { leaf } from "./options.ts";

const MARKS: Readonly<Record<Finding["status"], readonly [string, Ink]>> = {
  ok: ["✓", "green"],
  warning: ["!", "yellow"],
  failed: ["✗", "red"],
  skipped: ["·", "dim"],
};

export function doctorCommand(program: Command, cli: Cli): void {
  leaf(program, "doctor", "whether everything is in order, and how to mend what is not").action(async () => {
    const own = program.version() ?? "";
    const findings = findingsOf(await cli.working("looking", () => measure(cli, own)));
    const healthy = findings.every(({ status }) => status !== "failed");
    cli.show({ healthy, findings }, (look) => findings.map((one) => findingLine(one, look)).join("\n"));
    if (!healthy) cli.endsWith(EXIT.failed);
  });
}

function findingLine({ check, status, told, fix }: Finding, { paint }: Look): string {
  const [mark, ink] = MARKS[status];
  const line = `${paint(ink, mark)} ${check.padEnd(10)} ${plainLine(told)}`;
  return fix === undefined ? line : `${line}\n  ${paint("cyan", "→")} ${fix}`;
}
