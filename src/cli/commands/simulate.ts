/** `countersign simulate`: what would happen to a change, and who would have to agree. */
import type { Command } from "commander";
import type { BodyOf, Schema } from "../../client/index.ts";
import { plainLine } from "../terminal/plain-text.ts";
import type { Look } from "../terminal/table.ts";
import { previewLines, reviewLines, riskLines } from "../views/task-view.ts";
import type { Cli } from "./cli.ts";
import { readJson } from "./json-input.ts";
import { leaf, several } from "./options.ts";
import { drafting } from "./task.ts";
import { type DraftFlags, draftOf } from "./task-draft.ts";

interface SimulateFlags extends DraftFlags {
  readonly file?: string;
  readonly reviewer?: readonly string[];
  readonly policies?: string;
}

export function simulateCommand(program: Command, cli: Cli): void {
  drafting(leaf(program, "simulate", "preview, risk and reviewers of a change; nothing is stored"))
    .option("--reviewer <id>", "ask this one too; several times", several)
    .option("--policies <path>", "try these policies instead of those that are stored")
    .action(async (flags: SimulateFlags) => {
      const client = cli.client();
      const file = flags.file === undefined ? undefined : await readJson(flags.file, cli.streams.stdin);
      const draft = draftOf(flags, file, await client.users.me());
      // What the file holds is for the server to judge.
      const body = {
        ...draft,
        ...(flags.reviewer !== undefined && { requested_reviewers: flags.reviewer }),
        ...(flags.policies !== undefined && { policies: await readJson(flags.policies, cli.streams.stdin) }),
      } as BodyOf<"POST /tasks/simulate">;
      const answer = await client.tasks.simulate(body);
      cli.show(answer, (look) => simulated(answer, look));
    });
}

function simulated(answer: Schema<"Simulation">, look: Look): string {
  const { paint } = look;
  const needed = answer.auto_approvable
    ? paint("green", "It would be approved by itself.")
    : `It would need ${answer.required_approvals} ${answer.required_approvals === 1 ? "approval" : "approvals"}, and ask ${answer.reviewers.map(({ id }) => plainLine(id)).join(", ") || "nobody"}.`;
  return [
    needed,
    ...answer.reasons.map((reason) => paint("dim", `  ${plainLine(reason)}`)),
    ...riskLines(answer, look),
    ...previewLines(answer.preview, look),
    ...reviewLines({ requirements: answer.requirements }, look),
  ].join("\n");
}
