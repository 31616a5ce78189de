/** Events that a task's step makes besides those of its audited entries, and who hears of which (05, "Who gets what"). Pure. */
import type { Entry } from "../actor/journal.ts";
import type { ActorKey } from "../actor/remote.ts";
import { approvalEventOf } from "../approvals/events.ts";
import type { EventBody } from "../realtime/channel-api.ts";
import { noteIn, notesEffects } from "../realtime/notes.ts";
import { taskEventOf } from "./events.ts";
import type { TaskRecord } from "./task.ts";
import { jsonBytes } from "./task-contract.ts";
import type { Effect } from "./transition.ts";

/** An event is no place for megabytes: a larger output or error is left out, the task itself has it. */
const TOLD_BYTES = 16 * 1024;

/** What became true by this step: requirements satisfied, the quorum, the end. */
export function secondEvents(before: TaskRecord | undefined, after: TaskRecord): EventBody[] {
  const task_id = after.id;
  const met = satisfiedOf(after)
    .filter((policy) => before?.revision !== after.revision || !satisfiedOf(before).includes(policy))
    .map((policy_id): EventBody => ({ event: "approval:approved", payload: { task_id, policy_id } }));
  const wasApproved = before?.state === "APPROVED" || before?.state === "APPLYING";
  const approved = after.state === "APPROVED" && !wasApproved;
  const ended = after.state === "COMPLETED" && before?.state !== "COMPLETED";
  return [
    ...met,
    ...(approved ? [{ event: "task:approved", payload: { task_id } }] : []),
    ...(ended ? [completed(after)] : []),
  ];
}

function satisfiedOf({ requirements }: TaskRecord): string[] {
  return requirements.filter(({ satisfied }) => satisfied).map(({ policy_id }) => policy_id);
}

function completed({ id, execution }: TaskRecord): EventBody {
  const { result, started_at = 0, completed_at = started_at, output, error } = execution ?? {};
  const duration_seconds = Math.round((completed_at - started_at) / 10) / 100;
  const payload = { task_id: id, result, duration_seconds, ...told({ output }), ...told({ error }) };
  return { event: "task:completed", payload };
}

function told(part: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const [value] = Object.values(part);
  return value === undefined || jsonBytes(value) > TOLD_BYTES ? {} : part;
}

/**
 * The effects of a step with what users are told of it: each inbox gets one, together with what the step had for it anyhow.
 * An author is not told that they filed a task themselves.
 */
export function withUserNotes(effects: readonly Effect[], entries: readonly Entry[], author: string): Effect[] {
  const notes = notesEffects(entries.flatMap((entry) => userNotes(entry, author)));
  const left = new Map(notes.map(({ target, body }) => [target, body]));
  const joined = effects.map((effect): Effect => {
    const extra = left.get(effect.target);
    if (extra === undefined) return effect;
    left.delete(effect.target);
    return { target: effect.target, body: { ...(effect.body as object), notes: extra.notes } };
  });
  return [...joined, ...notes.filter(({ target }) => left.has(target))];
}

function userNotes(entry: Entry, author: string): (readonly [ActorKey, EventBody])[] {
  const approval = approvalEventOf(entry);
  if (approval !== null) return personsIn(entry, approval, author).map((id) => [`inbox:${id}`, approval]);
  const own = entry.action === "task.created" && entry.who.id === author;
  const event = own ? null : (noteIn(entry) ?? taskEventOf(entry));
  return event === null ? [] : [[`inbox:${author}`, event]];
}

/** Ids of those who hear of what became of a request. */
function personsIn({ details = {} }: Entry, { event, payload }: EventBody, author: string): string[] {
  switch (event) {
    case "approval:requested":
    case "approval:resolved":
      return strings(details.reviewer_id);
    case "approval:escalated":
    case "approval:reassigned":
      return strings(payload.from, payload.to);
    default:
      return [author];
  }
}

function strings(...values: readonly unknown[]): string[] {
  return [...new Set(values.filter((value) => typeof value === "string"))];
}
