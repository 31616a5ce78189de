/**
 * Who is told of tasks that nobody has claimed yet: `task:ready` to at most three idle capable agents each (03, "Execution").
 * A hint, sent once for each life of the dispatch: whoever claims finds the task without it. Agents that have a claim open
 * are offered tasks at once and need none. Its dependencies are arguments.
 */
import { causeOf, log } from "../log.ts";
import type { EventBody } from "../realtime/channel-api.ts";
import type { ReadyTask } from "./dispatch-api.ts";
import { isCapable } from "./dispatch-queue.ts";

/** Tasks that become ready within this time are told of together; a bulk of approvals is one look at the agents. */
export const GATHER_MS = 100;
const MOST_TOLD = 3;
/** Agents asked in one go; where more are busy than this, they will claim by themselves when they are done. */
const MOST_ASKED = 30;

export interface Candidate {
  readonly id: string;
  readonly capabilities: readonly string[];
}

interface Dependencies {
  /** The task, if it still waits and nobody is offered it. */
  readonly waiting: (taskId: string) => ReadyTask | undefined;
  /** The active agents. */
  readonly candidates: () => Promise<readonly Candidate[]>;
  /** False if the agent is not idle: then it is told nothing. */
  readonly tell: (agentId: string, notes: readonly EventBody[]) => Promise<boolean>;
}

export class ReadyNews {
  readonly #deps: Dependencies;
  readonly #fresh = new Set<string>();
  /** By task, what ends its pause: the last one counts. */
  readonly #pauses = new Map<string, ReturnType<typeof setTimeout>>();
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(deps: Dependencies) {
    this.#deps = deps;
  }

  /** What may not be claimed yet is told of when it may. */
  add(task: Pick<ReadyTask, "task_id" | "not_before">, now = Date.now()): void {
    const { task_id, not_before } = task;
    clearTimeout(this.#pauses.get(task_id));
    this.#pauses.delete(task_id);
    if (not_before > now) {
      this.#fresh.delete(task_id);
      this.#pauses.set(
        task_id,
        setTimeout(() => this.add(task), not_before - now),
      );
      return;
    }
    this.#fresh.add(task_id);
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.tell().catch((thrown: unknown) => log("warn", "ready.not_told", { cause: causeOf(thrown) }));
    }, GATHER_MS);
  }

  /** Tells of what was added and still waits. */
  async tell(): Promise<void> {
    const tasks = [...this.#fresh].flatMap((id) => this.#deps.waiting(id) ?? []);
    this.#fresh.clear();
    if (tasks.length === 0) return;
    const told = new Map(tasks.map(({ task_id }) => [task_id, 0]));
    const toldOf = ({ task_id }: ReadyTask) => told.get(task_id) ?? 0;
    let asked = 0;
    for (const { id, capabilities } of shuffled(await this.#deps.candidates())) {
      const open = tasks.filter((task) => toldOf(task) < MOST_TOLD);
      const theirs = open.filter(({ type }) => isCapable(capabilities, type));
      if (open.length === 0 || asked === MOST_ASKED) return;
      if (theirs.length === 0) continue;
      asked += 1;
      if (!(await this.#deps.tell(id, theirs.map(readyEvent)))) continue;
      for (const task of theirs) told.set(task.task_id, toldOf(task) + 1);
    }
  }
}

function readyEvent({ task_id, priority, type, resources }: ReadyTask): EventBody {
  return { event: "task:ready", payload: { task_id, priority, type, resources } };
}

/** In an order of its own each time, so that not the same three hear of everything. */
function shuffled<T>(all: readonly T[]): T[] {
  return all
    .map((one) => ({ one, rank: Math.random() }))
    .sort((a, b) => a.rank - b.rank)
    .map(({ one }) => one);
}
