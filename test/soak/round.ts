/**
 * One round of a soak: a program on fresh locks, then everything that must hold of what happened (04, "Tests that must
 * exist"): histories that are linearizable, a trail in which the rules were kept, every deadlock resolved, nobody a
 * victim without one.
 */
import { setTimeout as pause } from "node:timers/promises";
import type { AuditRow } from "../../src/audit/contract.ts";
import type { DeadlockInfo } from "../../src/deadlocks/contract.ts";
import type { Lock } from "../../src/locks/contract.ts";
import { checkLockHistory, explained } from "../../src/locks/history/check-lock-history.ts";
import { LockHistories } from "../../src/locks/history/lock-history.ts";
import { judgedTrail } from "../../src/locks/history/lock-trail.ts";
import type { Task } from "../../src/tasks/task-contract.ts";
import { type LockKey, lockName } from "../support/lock-calls.ts";
import { approvedTask, type Cast, draftOf, written } from "../support/main-job.ts";
import { Random } from "../support/random.ts";
import type { Session } from "../support/wire.ts";
import { type Deed, FREE, PERMIT, type Program, SHARED_WITH_TASKS, TASK, TASKS } from "./program.ts";
import { SoakClient } from "./soak-client.ts";
import type { Outage, SoakServer } from "./soak-server.ts";

export interface Figures {
  /** calls of clients on locks */
  readonly operations: number;
  readonly grants: number;
  readonly deadlocks: number;
  readonly reordered: number;
  readonly falseVictims: number;
  readonly lostDeadlocks: number;
  readonly crashes: number;
  readonly applies: number;
  /** histories that could not be decided in reasonable time */
  readonly undecided: number;
  /** of each session that was in a deadlock: how long (ms) */
  readonly deadlocked: readonly number[];
}

export interface Judged {
  readonly problems: readonly string[];
  readonly figures: Figures;
}

/**
 * A deadlock that stands for so long is lost: whoever waits gives up after 60 s. How long the others took is a figure, no
 * verdict, for the machine may do other things, too.
 */
const LOST_AFTER_MS = 50_000;
const CLOCKS = { tolerance_ms: 200, patience_ms: 3_000 };
const WIDE_PERMITS = 2;
/** How long everything may take to come to rest at the end (ms). */
const PATIENCE_MS = 180_000;

/** What a round is played on. */
interface Stage {
  readonly locks: readonly LockKey[];
  readonly narrow: Session;
  readonly wide: Session;
  readonly applier: Session;
  readonly tasks: readonly Task[];
}

export class Round {
  readonly #server: SoakServer;
  readonly #cast: Cast;
  readonly #number: number;
  readonly #program: Program;
  readonly #stage: Stage;
  readonly #histories = new LockHistories();
  readonly #outagesBefore: number;
  #applies = 0;

  private constructor(server: SoakServer, cast: Cast, number: number, program: Program, stage: Stage) {
    this.#server = server;
    this.#cast = cast;
    this.#number = number;
    this.#program = program;
    this.#stage = stage;
    this.#outagesBefore = server.outages.length;
  }

  /** Makes the agents, tasks and locks of a round; `number` makes their names its own. */
  static async prepared(server: SoakServer, cast: Cast, number: number, program: Program): Promise<Round> {
    return new Round(server, cast, number, program, await staged(cast, number));
  }

  /** Carries the program out to its end. Rejects if the server answers what no client has to expect. */
  async play(): Promise<void> {
    const began = Date.now();
    const crashes = this.#program.flatMap((step) => (step.do === "crash" ? [step.at] : [])).sort((a, b) => a - b);
    const crashing = async () => {
      for (const at of crashes) {
        await pause(Math.max(0, began + at - Date.now()));
        await this.#server.crash();
      }
    };
    const clients = deedsByClient(this.#program).map(([client, deeds]) => this.#client(client).work(deeds));
    await Promise.all([...clients, crashing()]);
  }

  /** To be called when no server crashes any more. */
  async judged(): Promise<Judged> {
    const { narrow, wide, applier, locks } = this.#stage;
    const { rows, deadlocks } = await settledTrail(this.#server, this.#cast.root, this.#stage);
    const permits = new Map([
      [`agent:${narrow.id}`, 1],
      [`agent:${wide.id}`, WIDE_PERMITS],
      [`agent:${applier.id}`, TASKS],
    ]);
    const outages = this.#server.outages.slice(this.#outagesBefore);
    const trail = judgedTrail(rows, deadlocks, {
      permits: (lock) => permits.get(lock) ?? null,
      dueBy: (from) => outages.reduce(dueAfter, from + LOST_AFTER_MS),
    });
    const watched = [...FREE, TASK].map((lock) => locks[lock] ?? "");
    const verdicts = [...watched, `agent:${narrow.id}`].map((lock) => verdictOn(lock, this.#histories));
    return {
      problems: [...trail.problems, ...verdicts.flatMap(({ problem }) => problem ?? [])],
      figures: {
        operations: this.#histories.locks.reduce((sum, lock) => sum + this.#histories.of(lock).length, 0),
        grants: trail.grants,
        deadlocks: deadlocks.length,
        reordered: rows.filter(({ action }) => action === "lock.reordered").length,
        falseVictims: trail.falseVictims,
        lostDeadlocks: trail.lost,
        crashes: this.#program.filter((step) => step.do === "crash").length,
        applies: this.#applies,
        undecided: verdicts.filter(({ isUndecided }) => isUndecided).length,
        deadlocked: trail.deadlocked,
      },
    };
  }

  #client(client: number): SoakClient {
    const agent = client % 2 === 0 ? this.#stage.narrow : this.#stage.wide;
    return new SoakClient({
      by: { agent_id: agent.id, session_id: `s${client}` },
      histories: this.#histories,
      send: this.#server.sending(agent),
      random: new Random(this.#number * 1_000 + client),
      keyOf: (lock) => (lock === PERMIT ? `agent:${agent.id}` : (this.#stage.locks[lock] ?? "")),
      apply: async (task) => {
        const id = this.#stage.tasks[task]?.id;
        if (id !== undefined && (await applied(this.#server, this.#stage.applier, id))) this.#applies += 1;
      },
      up: () => this.#server.up(),
    });
  }
}

/** A crash gives the deadlocks that were pending more time. */
function dueAfter(due: number, outage: Outage): number {
  return outage.from < due ? Math.max(due, outage.until + LOST_AFTER_MS) : due;
}

function deedsByClient(program: Program): [number, readonly Deed[]][] {
  const steps = program.flatMap((step) => (step.do === "crash" ? [] : [step]));
  return [...Map.groupBy(steps, ({ client }) => client)];
}

async function staged(cast: Cast, number: number): Promise<Stage> {
  const { root, author } = cast;
  const names = SHARED_WITH_TASKS.map((lock) => `soak-${number}-${lock}`);
  const resources = names.map((name) => written("service", name));
  const [narrow, wide, applier, task, ...tasks] = await Promise.all([
    root.newAgent(`narrow-${number}`, { max_tasks: 1 }),
    root.newAgent(`wide-${number}`, { max_tasks: WIDE_PERMITS }),
    root.newAgent(`applier-${number}`, { max_tasks: TASKS }),
    author.post<Task>("/tasks", 201, draftOf(author.id, resources)),
    ...Array.from({ length: TASKS }, () => approvedTask(cast, resources, { max_attempts: 1 })),
  ]);
  const free = FREE.map((lock) => `resource:soak:${number}/${lock}`);
  const shared = names.map((name) => `resource:service:prod/${name}`);
  return { locks: [...free, ...shared, `task:${task.id}`], narrow, wide, applier, tasks };
}

/**
 * Applies a task, however long its saga has to wait or to come again, and ends it: as a failure, for a success would make the
 * other task drift.
 */
async function applied(server: SoakServer, applier: Session, id: string): Promise<boolean> {
  const send = server.sending(applier);
  for (const end = Date.now() + PATIENCE_MS; Date.now() < end; await pause(50)) {
    const task = (await send({ method: "GET", path: `/tasks/${id}` }))?.body as Task | undefined;
    if (task?.state === "COMPLETED") return true;
    if (task?.state === "APPROVED") await send({ method: "POST", path: `/tasks/${id}/apply`, body: {} });
    if (task?.state === "APPLYING") {
      await send({ method: "POST", path: `/tasks/${id}/complete`, body: { result: "failure", error: "soaked" } });
    }
  }
  return false;
}

function verdictOn(lock: LockKey, histories: LockHistories): { problem?: string; isUndecided: boolean } {
  try {
    const verdict = checkLockHistory(histories.of(lock), CLOCKS);
    return verdict.linearizable
      ? { isUndecided: false }
      : { isUndecided: false, problem: `${lock}: ${explained(verdict)}` };
  } catch (thrown) {
    if (thrown instanceof RangeError && thrown.message.startsWith("undecided")) return { isUndecided: true };
    throw thrown;
  }
}

/** All rows of the round's locks, and its deadlocks, when nobody holds or awaits anything and all of it is in the trail. */
async function settledTrail(
  server: SoakServer,
  root: Session,
  { locks, narrow, wide, applier }: Stage,
): Promise<{ rows: AuditRow[]; deadlocks: DeadlockInfo[] }> {
  const probes = [
    ...locks.map((lock) => ({ lock, by: narrow })),
    ...[narrow, wide, applier].map((by) => ({ lock: `agent:${by.id}`, by })),
  ];
  const last = await Promise.all(
    probes.map(async ({ lock, by }, at) => [lock, await probed(server, lock, by, `probe-${at}`)] as const),
  );
  const rows = await Promise.all(last.map(([lock, id]) => rowsUntil(root, lock, id)));
  const all = rows.flat();
  const aborted = all.some(({ action }) => action === "lock.aborted");
  const agents = new Set([narrow.id, wide.id, applier.id]);
  return { rows: all, deadlocks: aborted ? await deadlocksAmong(root, agents, all) : [] };
}

/** Takes a lock when everybody before is done, and frees it: the id of that lease. */
async function probed(server: SoakServer, lock: LockKey, by: Session, session_id: string): Promise<string> {
  const send = server.sending(by);
  const body = { ...lockName(lock), session_id, max_wait_seconds: 300 };
  const ask = () => answered(() => send({ method: "POST", path: "/locks/acquire", body, prefer: "wait=45" }));
  let lease: Partial<Lock> = {};
  for (const end = Date.now() + PATIENCE_MS; lease.status !== "held" && Date.now() < end; ) {
    lease = (await ask()).body as Partial<Lock>;
  }
  if (lease.id === undefined || lease.status !== "held") {
    throw new Error(`${lock} was never free again: ${JSON.stringify(lease)}`);
  }
  const { id } = lease;
  await answered(() => send({ method: "POST", path: "/locks/release", body: { lock_id: id } }));
  return id;
}

/** Makes a call again until it is answered; all of these may be repeated. */
async function answered<T>(call: () => Promise<T | undefined>): Promise<T> {
  let answer: T | undefined;
  do answer = await call();
  while (answer === undefined);
  return answer;
}

interface Paged {
  readonly pagination: { readonly next_cursor?: string };
}

/** The rows of a lock up to the release of its last lease. */
async function rowsUntil(root: Session, lock: LockKey, lastId: string): Promise<AuditRow[]> {
  const { resource_type, resource_id } = lockName(lock);
  const query = new URLSearchParams({ subject_type: resource_type, subject_id: resource_id, action: "lock.*" });
  for (const end = Date.now() + PATIENCE_MS; ; await pause(50)) {
    const path = `/audit?${query}&sort_order=asc`;
    const rows = await everyPage(root, path, ({ entries }: { entries: AuditRow[] }) => entries);
    const last = rows.at(-1);
    if (last?.action === "lock.released" && last.details?.lock_id === lastId) return rows;
    if (Date.now() > end) throw new Error(`the trail of ${lock} did not arrive`);
  }
}

/** The deadlocks of these agents, once they explain everything that was aborted. */
async function deadlocksAmong(
  root: Session,
  agents: ReadonlySet<string>,
  rows: readonly AuditRow[],
): Promise<DeadlockInfo[]> {
  const aborted = rows.filter(({ action }) => action === "lock.aborted").map(({ details }) => details?.lock_id);
  for (const end = Date.now() + PATIENCE_MS; ; await pause(50)) {
    const all = await everyPage(root, "/locks/deadlocks?", ({ deadlocks }: { deadlocks: DeadlockInfo[] }) => deadlocks);
    const found = all.filter(({ resolution }) => agents.has(resolution.victim_agent_id));
    const released = new Set(found.flatMap(({ resolution }) => resolution.released_locks));
    if (aborted.every((id) => released.has(String(id))) || Date.now() > end) return found;
  }
}

async function everyPage<Page, Row>(root: Session, path: string, rowsOf: (page: Page) => Row[]): Promise<Row[]> {
  const rows: Row[] = [];
  for (let cursor: string | undefined = ""; cursor !== undefined; ) {
    const from: string = cursor === "" ? "" : `&cursor=${encodeURIComponent(cursor)}`;
    const read = () => root.get<Page & Paged>(`${path}&limit=100${from}`);
    const page: Page & Paged = await read().catch(read);
    rows.push(...rowsOf(page));
    cursor = page.pagination.next_cursor;
  }
  return rows;
}
