/** Events that a task's step makes besides those of its audited entries, and who hears of which (05, "Who gets what"). Pure. */
import type { Entry, Happening } from "../actor/journal.ts";
import type { ActorKey } from "../actor/remote.ts";
import { approvalEventOf } from "../approvals/events.ts";
import type { EventBody } from "../realtime/channel-api.ts";
import { noteIn, notesEffects } from "../realtime/notes.ts";
import { taskEventOf } from "./events.ts";
import { maskSecrets } from "./secrets.ts";
import type { TaskRecord } from "./task.ts";
import { jsonBytes } from "./task-contract.ts";
import type { Effect } from "./transition.ts";

/** An event is no place for megabytes nor for secrets: a larger output or error is left out, the task itself has it. */
const TOLD_BYTES = 16 * 1024;

/** What happened, with the ticket that it was for, and what the event of an approval request says of its task. */
export function inFull(given: Happening, task: TaskRecord): Happening {
  const { ticket_ref } = task.metadata;
  const happening = ticket_ref === undefined ? given : { ...given, why: { ticket_ref, ...given.why } };
  const asked = task.requests.find(({ id }) => id === happening.subject_id);
  if (happening.action !== "approval.requested" || asked === undefined) return happening;
  const { due_at, on_behalf_of } = asked;
  const details = {
    ...happening.details,
    due_at,
    task_type: task.config.type,
    requested_by: task.metadata.author_id,
    risk_score: task.risk.score,
    ...(on_behalf_of !== undefined && { on_behalf_of }),
  };
  return { ...happening, details };
}

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

function completed({ id, config, execution }: TaskRecord): EventBody {
  const { result, started_at = 0, completed_at = started_at, output, error } = execution ?? {};
  const duration_seconds = Math.round((completed_at - started_at) / 10) / 100;
  const said = { ...told({ output }), ...told({ error }) };
  const payload = { task_id: id, result, duration_seconds, ...(maskSecrets(said, config.secrets) as object) };
  return { event: "task:completed", payload };
}

function told(part: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const [value] = Object.values(part);
  return value === undefined || jsonBytes(value) > TOLD_BYTES ? {} : part;
}

/**
 * The effects of a step with what users are told of it: each inbox gets one, together with what the step had for it anyhow.
 * An author is not told that they filed a task themselves; one that is an agent is told on the agent's own channel.
 */
export function withUserNotes(
  effects: readonly Effect[],
  entries: readonly Entry[],
  { metadata, author_kind }: Pick<TaskRecord, "metadata" | "author_kind">,
): Effect[] {
  const { author_id } = metadata;
  const author = author_kind === "agent" ? `agent:${author_id}` : `inbox:${author_id}`;
  const notes = notesEffects(entries.flatMap((entry) => userNotes(entry, author_id, author)));
  const left = new Map(notes.map(({ target, body }) => [target, body]));
  const joined = effects.map((effect): Effect => {
    const extra = left.get(effect.target);
    if (extra === undefined) return effect;
    left.delete(effect.target);
    return { target: effect.target, body: { ...(effect.body as object), notes: extra.notes } };
  });
  return [...joined, ...notes.filter(({ target }) => left.has(target))];
}

function userNotes(entry: Entry, authorId: string, author: ActorKey): (readonly [ActorKey, EventBody])[] {
  const approval = approvalEventOf(entry);
  if (approval !== null) return toldOf(entry, approval, author).map((target) => [target, approval]);
  const own = entry.action === "task.created" && entry.who.id === authorId;
  const event = own ? null : (noteIn(entry) ?? taskEventOf(entry));
  return event === null ? [] : [[author, event]];
}

/** Who hears of what became of a request. */
function toldOf({ details = {} }: Entry, { event, payload }: EventBody, author: ActorKey): ActorKey[] {
  switch (event) {
    case "approval:requested":
    case "approval:resolved":
      return inboxes(details.reviewer_id);
    case "approval:escalated":
    case "approval:reassigned":
      return inboxes(payload.from, payload.to);
    default:
      return [author];
  }
}

function inboxes(...ids: readonly unknown[]): ActorKey[] {
  return [...new Set(ids.filter((id) => typeof id === "string"))].map((id) => `inbox:${id}`);
}
