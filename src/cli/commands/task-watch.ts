/** `countersign task watch`: what happens to a task, as it happens, and how it ended. */
import { type ChannelItem, type Countersign, isReset, type Schema } from "../../client/index.ts";
import { EXIT } from "../terminal/exit-code.ts";
import { CliFailure } from "../terminal/told-failure.ts";
import { eventLine } from "../views/event-line.ts";
import { taskView } from "../views/task-view.ts";
import type { Cli } from "./cli.ts";

type Task = Schema<"Task">;

export const WATCHED_UNTIL = ["decided", "ended"] as const;

export interface WatchOptions {
  readonly until: (typeof WATCHED_UNTIL)[number];
  /** s */
  readonly timeout?: number;
}

/**
 * Every event of the task from its first on, then the task as it stands.
 * @returns the exit code: {@link outcomeOf}
 */
export async function watchTask(cli: Cli, id: string, { until, timeout }: WatchOptions): Promise<number> {
  const client = cli.client();
  const signal = timeout === undefined ? undefined : AbortSignal.timeout(timeout * 1000);
  const now = await client.tasks.get(id);
  const over = outcomeOf(now, until);
  if (over !== undefined) return ended(cli, now, over);
  for await (const item of client.events([`task:${id}`], { since: 0, signal })) {
    cli.item(item, (look) => eventLine(item, look));
    if (!mayEnd(item)) continue;
    const task = await readTask(client, id);
    const outcome = outcomeOf(task, until);
    if (outcome !== undefined) return ended(cli, task, outcome);
  }
  const waited = `the task ${until === "decided" ? "was not decided" : "did not end"} within ${timeout} s`;
  throw new CliFailure("TIMEOUT", EXIT.timeout, waited, `it goes on: countersign task watch ${id}`);
}

/** Progress and comments end nothing: no need to read the task again. */
function mayEnd(item: ChannelItem): boolean {
  return isReset(item) || item.event === "task:state_changed" || item.event === "task:completed";
}

function readTask(client: Countersign, id: string): Promise<Task> {
  return client.tasks.get(id);
}

function ended(cli: Cli, task: Task, outcome: number): number {
  if (cli.json) cli.item({ event: "task", payload: task }, () => "");
  else cli.show(task, (look) => `\n${taskView(task, look)}`);
  return outcome;
}

/**
 * How a task ended, as an exit code; undefined: it did not yet. `decided` ends with the decision of people, `ended` with the
 * task itself. A draft that came back for changes is decided, although it may go on; so it ends both.
 */
export function outcomeOf(
  { state, execution, approvals, revision }: Pick<Task, "state" | "execution" | "approvals" | "revision">,
  until: WatchOptions["until"],
): number | undefined {
  switch (state) {
    case "COMPLETED":
      return until === "decided" || execution === undefined || execution.result === "success" ? EXIT.ok : EXIT.failed;
    case "APPROVED":
    case "APPLYING":
      return until === "decided" ? EXIT.ok : undefined;
    case "REJECTED":
    case "CANCELLED":
      return EXIT.declined;
    case "DRAFT":
      return approvals.some((one) => one.action === "request_changes" && one.revision === revision)
        ? EXIT.declined
        : undefined;
    default:
      return undefined;
  }
}
