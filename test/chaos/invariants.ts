/** What must hold when a run is over and the server was left alone: each check answers what it found broken, with evidence. */
import { setTimeout as pause } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import type { AuditRow } from "../../src/audit/contract.ts";
import { OfflineCheck } from "../../src/audit/offline-check.ts";
import { judgedTrail } from "../../src/locks/history/lock-trail.ts";
import type { Event } from "../../src/realtime/contract.ts";
import type { Task } from "../../src/tasks/task-contract.ts";
import { verdictOnTrail, wholeTrail } from "../support/served-trail.ts";
import { BASE, type Session } from "../support/wire.ts";
import type { ChaosServer } from "./chaos-server.ts";
import { keyOf, type Load, RESOURCES } from "./load.ts";
import type { Receiver } from "./receiver.ts";
import type { Subscriber } from "./subscriber.ts";

/** By then everything owed has arrived (05, "nothing lost"). */
const SETTLED_MS = 10_000;
/** What a list leaves out of a task. */
const UNLISTED: readonly string[] = ["preview", "comments"];
const ENDED: readonly string[] = ["COMPLETED", "CANCELLED", "REJECTED"];

export interface Finding {
  readonly invariant: string;
  readonly evidence: readonly string[];
}

export interface Checked {
  readonly findings: readonly Finding[];
  readonly trail: readonly AuditRow[];
  readonly rows: number;
  readonly chains: number;
  readonly grants: number;
  readonly events: number;
  /** events that the receiver of the webhook took */
  readonly hooked: number;
  /** how long it took until nobody owed anything any more (ms) */
  readonly settled_ms: number;
}

interface Played {
  readonly server: ChaosServer;
  readonly root: Session;
  readonly load: Load;
  readonly subscribers: readonly Subscriber[];
  readonly receiver: Receiver;
  readonly actors: readonly string[];
  /** when the last fault was over */
  readonly calm_at: number;
}

export async function checked(played: Played): Promise<Checked> {
  const { root, load, subscribers, receiver } = played;
  const owing = await debtsAfter(played);
  const settled_ms = Date.now() - played.calm_at;
  const trail = await wholeTrail(root);
  const locks = judgedTrail(
    trail.filter(({ action }) => action.startsWith("lock.")),
    [],
    { permits: (lock) => (lock.startsWith("agent:") ? 100 : null), dueBy: () => Number.POSITIVE_INFINITY },
  );
  const verdict = await verdictOnTrail(root);
  const heard = await missedBy(subscribers, root, played.calm_at);
  const found: Record<string, readonly string[]> = {
    "every outbox is empty, and every journal in the ledger, within 10 s": owing,
    "no acknowledged fact is missing from the trail": [
      ...load.facts.contradictedBy(trail),
      ...load.acknowledged.missingFrom(trail),
    ],
    "no two conflicting holders, fencing tokens rise, no lock is left": locks.problems,
    "every chain verifies at the server": verdict.bad.map((bad) => JSON.stringify(bad)),
    "every chain verifies offline, from the export alone": await exportProblems(root, trail.length),
    "each event comes once to each subscriber, in order, and none is missing": heard,
    "each event that a webhook asked for came, signed and under one id, or is listed and comes when it is sent again":
      await receiver.verdict(root, await eventsOf(root, "system", 0)),
    "the read models say what the actors say": await readModelProblems(root, load.tasks, trail),
    "a finished task has no PENDING request and no lock": await leftovers(root, load.tasks),
  };
  return {
    findings: Object.entries(found).flatMap(([invariant, evidence]) =>
      evidence.length === 0 ? [] : [{ invariant, evidence: evidence.slice(0, 8) }],
    ),
    trail,
    rows: trail.length,
    chains: verdict.chains,
    grants: locks.grants,
    events: subscribers.flatMap(({ heard: all }) => [...all.values()]).reduce((sum, { length }) => sum + length, 0),
    hooked: receiver.taken,
    settled_ms,
  };
}

/** Who still owes something when everything had its time. */
async function debtsAfter({ server, actors, calm_at }: Played): Promise<string[]> {
  for (;;) {
    const debts = await server.debts(actors);
    const owing = debts.filter(({ effects, unshipped }) => effects + unshipped > 0);
    if (owing.length === 0 || Date.now() > calm_at + SETTLED_MS) return owing.map((debt) => JSON.stringify(debt));
    await pause(100);
  }
}

async function exportProblems(root: Session, rows: number): Promise<string[]> {
  const answer = await fetch(`${root.url}${BASE}/audit/export`, { headers: { Authorization: `Bearer ${root.token}` } });
  const check = new OfflineCheck({ rows });
  for (const line of (await answer.text()).trimEnd().split("\n")) check.take(line);
  return (await check.verdict()).problems.map((problem) => JSON.stringify(problem));
}

/** What a subscriber found wrong, or did not hear of what the channel has. */
async function missedBy(subscribers: readonly Subscriber[], root: Session, calm_at: number): Promise<string[]> {
  const missed: string[] = [];
  for (const subscriber of subscribers) {
    missed.push(...subscriber.problems);
    for (const channel of subscriber.channels) {
      const published = await eventsOf(root, channel, 0);
      const head = published.at(-1)?.seq ?? 0;
      while (subscriber.last(channel) < head && Date.now() < calm_at + 2 * SETTLED_MS) await pause(50);
      const heard = new Set(subscriber.heard.get(channel)?.map(({ seq }) => seq));
      const lacks = published.filter(({ seq }) => !heard.has(seq));
      if (lacks.length > 0) {
        const name = `${subscriber.constructor.name} on ${channel}`;
        missed.push(`${name} lacks ${lacks.length} of ${published.length}: ${lacks.slice(0, 5).map(({ seq }) => seq)}`);
      }
    }
  }
  return missed;
}

async function eventsOf(root: Session, channel: string, after: number): Promise<Event[]> {
  const path = `/channels/${encodeURIComponent(channel)}/events?limit=500&after=`;
  const all: Event[] = [];
  for (let from = after; ; ) {
    const { events, next_seq, reset } = await root.get<{ events: Event[]; next_seq: number; reset?: true }>(
      `${path}${from}`,
    );
    all.push(...events);
    if (reset || events.length === 0) return all;
    from = next_seq;
  }
}

async function readModelProblems(
  root: Session,
  tasks: readonly string[],
  trail: readonly AuditRow[],
): Promise<string[]> {
  const listed = new Map<string, Task>();
  for (let cursor: string | undefined = ""; cursor !== undefined; ) {
    const from: string = cursor === "" ? "" : `&cursor=${encodeURIComponent(cursor)}`;
    const page = await root.get<{ tasks: Task[]; pagination: { next_cursor?: string } }>(`/tasks?limit=100${from}`);
    for (const task of page.tasks) listed.set(task.id, task);
    cursor = page.pagination.next_cursor;
  }
  const problems: string[] = [];
  // Kept by triggers, through every flush that was killed, failed or came twice.
  const { tasks: counted } = await root.get<{ tasks: { by_state: Record<string, number> } }>("/stats");
  for (const [state, total] of Object.entries(counted.by_state)) {
    const found = [...listed.values()].filter((task) => task.state === state).length;
    if (found !== total) problems.push(`${total} tasks are counted as ${state}, ${found} are listed`);
  }
  const states = new Map(trail.flatMap(({ subject_id, to_state }) => (to_state ? [[subject_id, to_state]] : [])));
  for (const id of tasks) {
    const whole = await root.get<Task>(`/tasks/${id}`);
    // Requests of earlier revisions, too.
    const approval_requests = whole.approval_requests.filter(({ revision }) => revision === whole.revision);
    const task: Task = { ...whole, approval_requests };
    const read = listed.get(id);
    const unlike = [...new Set([...Object.keys(task), ...Object.keys(read ?? {})])].filter((field) => {
      return !UNLISTED.includes(field) && !isDeepStrictEqual(read?.[field as keyof Task], task[field as keyof Task]);
    }) as (keyof Task)[];
    for (const field of unlike) {
      problems.push(
        `${id}: ${field} is ${JSON.stringify(read?.[field])} in D1, ${JSON.stringify(task[field])} at the actor`,
      );
    }
    if (states.get(id) !== task.state) problems.push(`${id} is ${task.state}, in the trail ${states.get(id)}`);
  }
  for (const resource of RESOURCES) {
    const { revision } = await root.get<{ revision: number }>(`/resources/configuration/${resource}?namespace=prod`);
    const applied = trail.filter(({ action, subject_id }) => {
      return action === "resource.applied" && subject_id === keyOf(resource);
    }).length;
    if (revision !== applied) problems.push(`${resource} is at revision ${revision}, ${applied} times applied`);
  }
  return problems;
}

async function leftovers(root: Session, tasks: readonly string[]): Promise<string[]> {
  const problems: string[] = [];
  for (const id of tasks) {
    const { state, approval_requests } = await root.get<Task>(`/tasks/${id}`);
    const pending = approval_requests.filter(({ status }) => status === "PENDING");
    if (!ENDED.includes(state)) problems.push(`${id} is ${state}`);
    else if (pending.length > 0) problems.push(`${id} is ${state}, but PENDING is ${JSON.stringify(pending[0])}`);
  }
  for (const reviewer of ["bob", "carol"]) {
    const { approvals } = await root.get<{ approvals: unknown[] }>(`/approvals?reviewer_id=${reviewer}`);
    for (const request of approvals) problems.push(`in the inbox of ${reviewer}: ${JSON.stringify(request)}`);
  }
  const { locks } = await root.get<{ locks: unknown[] }>("/locks?limit=100");
  for (const lock of locks) problems.push(`still held: ${JSON.stringify(lock)}`);
  for (const resource of RESOURCES) {
    const { lock } = await root.get<{ lock?: unknown }>(`/resources/configuration/${resource}?namespace=prod`);
    if (lock !== undefined) problems.push(`still held: ${JSON.stringify(lock)}`);
  }
  const { effects, locks: counted } = await root.get<{ effects: { parked: number }; locks: object }>("/stats");
  if (!isDeepStrictEqual(counted, { held: 0, queued: 0 })) problems.push(`counted are ${JSON.stringify(counted)}`);
  if (effects.parked > 0) problems.push(`${effects.parked} pairs are parked`);
  return problems;
}
