/** `countersign inbox`: interactive in a terminal, a list anywhere else. */
import type { Command } from "commander";
import { runInbox } from "../inbox/inbox-terminal.ts";
import { approvalTable, approvalView } from "../views/approval-view.ts";
import { listed } from "../views/page-note.ts";
import { approvalOf } from "./approval.ts";
import type { Cli } from "./cli.ts";
import { given, leaf, type Paging, paged, paging, several } from "./options.ts";

interface InboxFlags extends Paging {
  readonly list?: boolean;
  readonly status?: readonly string[];
  readonly task?: string;
  readonly reviewer?: string;
}

export function inboxCommands(program: Command, cli: Cli): void {
  paged(
    leaf(
      program,
      "inbox",
      "what waits for you; keys: a approve, r reject, c request changes, d delegate, n next, o open",
    ),
  )
    .option("--list", "only list it")
    .option("--status <status>", "instead of PENDING; several times", several)
    .option("--task <id>", "about this task")
    .option("--reviewer <id>", "somebody else's, if you are an admin")
    .action(async (flags: InboxFlags) => {
      const client = cli.client();
      const filtered = flags.list ?? flags.status ?? flags.task ?? flags.reviewer;
      const canDraw = cli.streams.stdout.isTTY && cli.env.TERM !== "dumb";
      if (cli.isInteractive && canDraw && filtered === undefined) return runInbox(client, () => cli.look);
      const status = flags.status ?? ["PENDING"];
      const query = given({ ...paging(flags), status, task_id: flags.task, reviewer_id: flags.reviewer });
      const answer = await client.approvals.list(query);
      cli.show(answer, (look) =>
        listed(approvalTable(answer.approvals, look), answer.pagination, look, "nothing waits for you"),
      );
    });

  leaf(program, "review <id>", "one request with its diff and risk, by its id or its task's").action(
    async (id: string) => {
      const client = cli.client();
      const detail = await client.approvals.get(await approvalOf(client, id));
      cli.show(detail, (look) => approvalView(detail, look));
    },
  );
}
