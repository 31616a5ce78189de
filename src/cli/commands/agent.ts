/** `countersign agent …` */
import type { Command } from "commander";
import type { BodyOf, QueryOf, Schema } from "../../client/index.ts";
import { elapsed } from "../terminal/elapsed.ts";
import { type Column, table } from "../terminal/table.ts";
import { stateInk } from "../views/inks.ts";
import { listed } from "../views/page-note.ts";
import type { Cli } from "./cli.ts";
import { given, leaf, oneOf, type Paging, paged, paging, several, whole } from "./options.ts";

type Agent = Schema<"PresentAgent">;

const COLUMNS = (now: number): readonly Column<Agent>[] => [
  { title: "AGENT", text: ({ id }) => id },
  { title: "STATUS", text: ({ presence }) => presence.status, ink: ({ presence }) => stateInk(presence.status) },
  { title: "TASKS", text: ({ presence }) => `${presence.active_tasks}/${presence.max_tasks}` },
  { title: "HEARD OF", text: ({ presence }) => elapsed(presence.last_heartbeat_at, now) },
  { title: "AT", text: ({ presence }) => presence.location?.colo ?? "-" },
  { title: "CAPABILITIES", text: ({ capabilities }) => capabilities.join(", "), flexible: true },
];

interface CreateFlags {
  readonly name?: string;
  readonly role?: readonly string[];
  readonly scope?: readonly string[];
  readonly capability?: readonly string[];
  readonly maxTasks?: number;
}

export function agentCommands(program: Command, cli: Cli): void {
  const agent = program.command("agent").description("agents: who applies changes");

  paged(leaf(agent, "ls", "list agents and whether they are there"))
    .addOption(oneOf("--status <status>", "only these", ["online", "stale", "offline", "never_seen"]))
    .option("--capability <capability>", "that can do this")
    .action(async (flags: Paging & { status?: Agent["presence"]["status"]; capability?: string }) => {
      const query: QueryOf<"GET /agents"> = given({
        ...paging(flags),
        status: flags.status,
        capability: flags.capability,
      });
      const answer = await cli.client().agents.list(query);
      cli.show(answer, (look) =>
        listed(table(COLUMNS(look.now), answer.agents, look), answer.pagination, look, "no agents"),
      );
    });

  leaf(agent, "create <id>", "register an agent; its token is shown once")
    .option("--name <name>", "for people; default: the id")
    .option("--role <role>", "several times", several)
    .option("--scope <scope>", "several times", several)
    .option("--capability <pattern>", "of the types of tasks that it takes; several times", several)
    .option("--max-tasks <n>", "at once", whole(1, 100_000))
    .action(async (id: string, flags: CreateFlags) => {
      // The server names what it does not know among roles and scopes.
      const body = {
        id,
        name: flags.name ?? id,
        ...given({ roles: flags.role, scopes: flags.scope, capabilities: flags.capability, max_tasks: flags.maxTasks }),
      } as BodyOf<"POST /agents">;
      const answer = await cli.client().agents.create(body);
      cli.show(answer, ({ paint }) =>
        answer.token === undefined
          ? `${answer.agent.id} exists; its token was shown before`
          : `${paint("green", "✓")} ${answer.agent.id}\n${answer.token}`,
      );
      cli.note("the token is shown this once");
    });

  leaf(agent, "heartbeat [id]", "say that an agent is there; default: yourself")
    .addOption(oneOf("--status <status>", "how it is", ["idle", "busy", "draining"]))
    .option("--lock <lock-id>", "extend this lease too; several times", several)
    .action(
      async (id: string | undefined, flags: { status?: "idle" | "busy" | "draining"; lock?: readonly string[] }) => {
        const client = cli.client();
        const own = id ?? (await client.users.me()).id;
        const answer = await client.agents.heartbeat(own, given({ status: flags.status, lock_ids: flags.lock }));
        cli.show(answer, ({ paint }) =>
          [
            `${paint(stateInk(answer.presence.status) ?? "dim", answer.presence.status)}  ${answer.presence.active_tasks} of ${answer.presence.max_tasks} tasks`,
            ...answer.commands.map(({ command, task_id }) => `${paint("yellow", command)} ${task_id ?? ""}`.trimEnd()),
          ].join("\n"),
        );
      },
    );
}
