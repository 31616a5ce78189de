/** `countersign approve | reject | request-changes | delegate | batch` */
import { Argument, type Command } from "commander";
import type { BodyOf, Countersign } from "../../client/index.ts";
import { EXIT } from "../terminal/exit-code.ts";
import { CliFailure, usage } from "../terminal/told-failure.ts";
import type { Cli } from "./cli.ts";
import { readText } from "./json-input.ts";
import { given, leaf, whole } from "./options.ts";

type Decision = BodyOf<"POST /approvals/{id}/respond">;

interface DecideFlags {
  readonly reason?: string;
  readonly revision?: number;
  readonly to?: string;
  readonly applyImmediately?: boolean;
}

const SUMMARY = {
  approve: "agree to a change, by the id of the approval or of the task",
  reject: "refuse a change for good",
  "request-changes": "send it back to its author",
  delegate: "let somebody else decide",
} as const;

const BATCHED = ["approve", "reject"] as const;
type Batched = (typeof BATCHED)[number];

export function approvalCommands(program: Command, cli: Cli): void {
  for (const [name, summary] of Object.entries(SUMMARY)) {
    const action = name.replace("-", "_") as Decision["action"];
    const command = leaf(program, `${name} <id>`, summary).option(
      "--revision <n>",
      "only if this is still the revision under review",
      whole(1, 1_000_000),
    );
    if (action === "reject" || action === "request_changes") command.requiredOption("--reason <text>", "why");
    else command.option("--reason <text>", "why");
    if (action === "delegate") command.requiredOption("--to <user>", "who is to decide");
    if (action === "approve") command.option("--apply-immediately", "start it as soon as it is approved");
    command.action((id: string, flags: DecideFlags) => decide(cli, id, action, flags));
  }

  leaf(program, "batch", "approve or reject many, all or none; - reads the ids from standard input")
    .addArgument(new Argument("<decision>").choices(BATCHED))
    .argument("<ids...>")
    .option("--reason <text>", "why")
    .option("--continue-on-error", "decide those that can be, whatever becomes of the others")
    .action(
      async (decision: Batched, ids: readonly string[], flags: { reason?: string; continueOnError?: boolean }) => {
        const approval_ids = await idsOf(ids, cli);
        const options = flags.continueOnError === true ? { continue_on_error: true } : {};
        const answer = await cli.working(`${decision} ${approval_ids.length}`, () =>
          cli.client().approvals.batch({ approval_ids, action: decision, ...given({ reason: flags.reason }), options }),
        );
        cli.show(answer, ({ paint }) =>
          answer.results
            .map(({ approval_id, error }) =>
              error === undefined
                ? `${paint("green", "✓")} ${approval_id}`
                : `${paint("red", "✗")} ${approval_id}  ${error.message} ${paint("dim", `(${error.code})`)}`,
            )
            .join("\n"),
        );
        if (answer.failed > 0) cli.endsWith(EXIT.conflict);
      },
    );
}

async function decide(cli: Cli, id: string, action: Decision["action"], flags: DecideFlags): Promise<void> {
  const client = cli.client();
  const approval = await approvalOf(client, id);
  const answer = await client.approvals.respond(approval, {
    action,
    ...given({ reason: flags.reason, revision: flags.revision, delegate_to: flags.to }),
    ...(flags.applyImmediately === true && { options: { apply_immediately: true } }),
  });
  cli.show(
    answer,
    ({ paint }) => `${paint("green", "✓")} ${action}: the task is ${answer.task_state} ${paint("dim", answer.task_id)}`,
  );
}

/** An approval's own id, or that of its task: then what waits there for the caller (01, "Ids": member 0 is the task itself). */
export async function approvalOf(client: Countersign, id: string): Promise<string> {
  if (!namesActor(id)) return id;
  const { approvals } = await client.approvals.list({ task_id: id, status: ["PENDING"] });
  const [only, ...others] = approvals;
  if (only !== undefined && others.length === 0) return only.id;
  if (only === undefined) {
    throw new CliFailure(
      "APPROVAL_NOT_FOUND",
      EXIT.missing,
      "nothing about this task waits for you",
      "countersign inbox",
    );
  }
  throw usage(
    `several requests about this task wait: ${approvals.map((one) => one.id).join(", ")}`,
    "name one of them",
  );
}

/** Whether an id is of a task as such, not of something within it. */
export function namesActor(id: string): boolean {
  return /^[0-9a-f-]{28}0{8}$/i.test(id);
}

async function idsOf(ids: readonly string[], { streams }: Cli): Promise<readonly string[]> {
  return ids.length === 1 && ids[0] === "-"
    ? (await readText("-", streams.stdin)).split(/\s+/).filter((id) => id !== "")
    : ids;
}
