/** `countersign lock …` */
import type { Command } from "commander";
import type { Schema } from "../../client/index.ts";
import { type RunFlags, runUnderLock } from "../lock-run/run-under-lock.ts";
import { EXIT } from "../terminal/exit-code.ts";
import { CliFailure } from "../terminal/told-failure.ts";
import { graphView, lockTable, lockView } from "../views/lock-view.ts";
import { listed } from "../views/page-note.ts";
import type { Cli } from "./cli.ts";
import { given, leaf, oneOf, type Paging, paged, paging, whole } from "./options.ts";

type Kind = Schema<"Lock">["resource_type"];

interface LockFlags {
  readonly type: Kind;
  readonly mode: "shared" | "exclusive";
  readonly ttl: number;
  readonly wait: number;
  readonly purpose?: string;
  readonly priority?: number;
  readonly session?: string;
}

export function lockCommands(program: Command, cli: Cli): void {
  const lock = program.command("lock").description("locks on resources, tasks and agents");

  wanting(leaf(lock, "acquire <key>", "take a lock; it lasts its TTL unless `lock heartbeat` extends it"))
    .option("--session <id>", "for this session, instead of your agent's own")
    .action(async (key: string, flags: LockFlags) => {
      const answer = await cli.working(`waiting for ${key}`, () =>
        cli.client().locks.acquire(
          {
            resource_type: flags.type,
            resource_id: key,
            mode: flags.mode,
            ttl_seconds: flags.ttl,
            wait_for_available: flags.wait > 0,
            ...(flags.wait > 0 && { max_wait_seconds: flags.wait }),
            ...given({ purpose: flags.purpose, priority: flags.priority, session_id: flags.session }),
          },
          { timeoutMs: (flags.wait + 10) * 1000, deadlineMs: (flags.wait + 20) * 1000 },
        ),
      );
      cli.show(answer, (look) => lockView(answer, look));
    });

  wanting(leaf(lock, "run <key> <command...>", "hold a lock while a command runs: lock run KEY -- COMMAND ARGS"))
    .option("--grace <seconds>", "between SIGTERM and SIGKILL once the lease is lost", whole(0, 300), 5)
    .action(async (key: string, command: readonly string[], flags: RunFlags) =>
      cli.endsWith(await runUnderLock(cli, key, command, flags)),
    );

  leaf(lock, "heartbeat <lock-id>", "extend a lease")
    .option("--ttl <seconds>", "from now on", whole(5, 300), 30)
    .action(async (lock_id: string, { ttl }: { ttl: number }) => {
      const answer = await cli.client().locks.heartbeat({ lock_id, ttl_extension_seconds: ttl });
      const refused = "results" in answer ? answer.results.find(({ ok }) => !ok)?.error : undefined;
      if (refused !== undefined) throw new CliFailure(refused.code, EXIT.missing, refused.message);
      cli.show(answer, ({ paint }) => `${paint("green", "✓")} extended by ${ttl} s`);
    });

  paged(leaf(lock, "ls", "who holds what, and who waits"))
    .addOption(oneOf("--type <kind>", "of these", ["task", "resource", "agent"]))
    .option("--resource <key>", "on this one")
    .option("--agent <id>", "of this agent")
    .option("--session <id>", "of this session")
    .action(async (flags: Paging & { type?: Kind; resource?: string; agent?: string; session?: string }) => {
      const query = given({
        ...paging(flags),
        resource_type: flags.type,
        resource_id: flags.resource,
        agent_id: flags.agent,
        session_id: flags.session,
      });
      const answer = await cli.client().locks.list(query);
      cli.show(answer, (look) => listed(lockTable(answer.locks, look), answer.pagination, look, "no locks"));
    });

  leaf(lock, "release <lock-id>", "give a lock back, or leave its queue")
    .option("--force", "although it is somebody else's; admins only")
    .option("--reason <text>", "why; by force it is needed")
    .action(async (lock_id: string, flags: { force?: boolean; reason?: string }) => {
      await cli.client().locks.release({ lock_id, ...given({ force: flags.force, reason: flags.reason }) });
      cli.show({ released: lock_id }, ({ paint }) => `${paint("green", "✓")} released ${lock_id}`);
    });

  leaf(lock, "graph", "who waits for whom").action(async () => {
    const graph = await cli.client().locks.graph();
    cli.show(graph, (look) => graphView(graph, look));
  });
}

function wanting(command: Command): Command {
  return command
    .addOption(oneOf("--type <kind>", "what KEY names", ["resource", "task", "agent"]).default("resource"))
    .addOption(oneOf("--mode <mode>", "alone or together", ["exclusive", "shared"]).default("exclusive"))
    .option("--ttl <seconds>", "how long the lease lasts without a heartbeat", whole(5, 300), 30)
    .option("--wait <seconds>", "how long to wait for it; 0: now or not at all", whole(0, 300), 0)
    .option("--purpose <text>", "what others see who wait for it")
    .option("--priority <n>", "in its queue", whole(0, 100));
}
