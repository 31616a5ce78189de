/** `countersign task …` */
import type { Command } from "commander";
import type { QueryOf, Schema } from "../../client/index.ts";
import { listed } from "../views/page-note.ts";
import { taskTable, taskView } from "../views/task-view.ts";
import type { Cli } from "./cli.ts";
import { readJson } from "./json-input.ts";
import { given, leaf, oneOf, type Paging, paged, paging, several, whole } from "./options.ts";
import { type DraftFlags, draftOf } from "./task-draft.ts";
import { WATCHED_UNTIL, type WatchOptions, watchTask } from "./task-watch.ts";

interface ListFlags extends Paging {
  readonly state?: readonly string[];
  readonly author?: string;
  readonly type?: string;
  readonly risk?: "LOW" | "MEDIUM" | "HIGH" | "CRITICAL";
  readonly tag?: readonly string[];
  readonly mine?: boolean;
}

export function taskCommands(program: Command, cli: Cli): void {
  const task = program.command("task").description("changes: draft, submit, watch");
  const shown = (answer: Schema<"Task">) => cli.show(answer, (look) => taskView(answer, look));

  drafting(leaf(task, "create", "draft a change from flags, a file, or standard input"))
    .option("--submit", "submit it at once")
    .option("--dry-run", "compute preview, risk and reviewers; store nothing")
    .action(async (flags: DraftFlags & { file?: string; submit?: boolean; dryRun?: boolean }) => {
      const client = cli.client();
      const draft = draftOf(
        flags,
        flags.file === undefined ? undefined : await readJson(flags.file, cli.streams.stdin),
        await client.users.me(),
      );
      const created = await client.tasks.create({ ...draft, ...(flags.dryRun && { dry_run: true }) });
      const submits = flags.submit === true && flags.dryRun !== true;
      const last = submits ? await client.tasks.submit(created.id) : created;
      cli.show(last, (look) => taskView(last, look));
      if (!submits && flags.dryRun !== true) cli.note(`next: countersign task submit ${created.id}`);
    });

  paged(leaf(task, "ls", "list changes"))
    .option("--state <state>", "in this state; several times", several)
    .option("--author <id>")
    .option("--type <type>")
    .addOption(oneOf("--risk <level>", "of this risk", ["LOW", "MEDIUM", "HIGH", "CRITICAL"]))
    .option("--tag <tag>", "with this tag; several times", several)
    .option("--mine", "that need my approval")
    .action(async (flags: ListFlags) => {
      const query: QueryOf<"GET /tasks"> = given({
        ...paging(flags),
        state: flags.state,
        author_id: flags.author,
        type: flags.type,
        risk_level: flags.risk,
        tags: flags.tag,
        needs_my_approval: flags.mine,
      });
      const answer = await cli.client().tasks.list(query);
      cli.show(answer, (look) => listed(taskTable(answer.tasks, look), answer.pagination, look, "no tasks"));
    });

  leaf(task, "show <id>", "everything about a change").action(async (id: string) =>
    shown(await cli.client().tasks.get(id)),
  );

  leaf(task, "submit <id>", "ask the reviewers")
    .option("--reviewer <id>", "ask this one too; several times", several)
    .option("--force", "in spite of errors in its preview; admins only")
    .action(async (id: string, { reviewer, force }: { reviewer?: readonly string[]; force?: boolean }) =>
      shown(await cli.client().tasks.submit(id, given({ requested_reviewers: reviewer, force }))),
    );

  leaf(task, "watch <id>", "follow it live until it is over; ends with 0 if all went well")
    .addOption(oneOf("--until <what>", "until people decided, or it ended", WATCHED_UNTIL).default("ended"))
    .option("--timeout <seconds>", "give up after so long, with code 8", whole(1, 31_536_000))
    .action(async (id: string, options: WatchOptions) => cli.endsWith(await watchTask(cli, id, options)));

  leaf(task, "cancel <id>", "call it off")
    .option("--reason <text>")
    .action(async (id: string, { reason }: { reason?: string }) =>
      shown(await cli.client().tasks.cancel(id, given({ reason }))),
    );

  leaf(task, "apply <id>", "start an approved change; its leases are printed")
    .option("--agent <id>", "by this agent, if you are an admin")
    .action(async (id: string, { agent }: { agent?: string }) => {
      const answer = await cli.client().tasks.apply(id, given({ agent_id: agent }));
      cli.show(answer, (look) =>
        "leases" in answer
          ? `${taskView(answer, look)}\n\n${answer.leases.map((one) => `${one.lock_id}  ${one.resource_id}  token ${one.fencing_token}`).join("\n")}`
          : `${taskView(answer, look)}\n\nwaits for ${answer.queue.map((one) => `${one.resource_id} (${one.queue_position} in line)`).join(", ")}`,
      );
    });
}

/** The flags of a draft: `task create` and `simulate` take them. */
export function drafting(command: Command): Command {
  return command
    .option("-f, --file <path>", "JSON: { config, metadata } or a config; - reads standard input")
    .option("--type <type>", "what kind of change: config.change")
    .option("--description <text>")
    .option("--resource <resource>", "TYPE:NAMESPACE/ID=write,delete; several times", several)
    .option("--param <name=value>", "JSON or text; several times", several)
    .option("--secret <path>", "a parameter that nobody may read; several times", several)
    .option("--priority <n>", "0 to 100", whole(0, 100))
    .addOption(oneOf("--rollback <strategy>", "if it fails", ["automatic", "manual", "none"]))
    .option("--timeout <seconds>", "for its execution", whole(1, 86_400))
    .option("--max-attempts <n>", "how often it may be tried", whole(1, 100))
    .option("--executor <url>", "a webhook that carries it out instead of an agent")
    .option("--team <name>")
    .option("--ticket <ref>")
    .option("--tag <tag>", "several times", several);
}
