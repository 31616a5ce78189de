/** Events as Slack's Block Kit shows them (docs/design/webhooks.md). Pure; every text of others is escaped and cut to Slack's limits. */
import type { EventBody } from "../realtime/channel-api.ts";
import type { Task } from "../tasks/task-contract.ts";
import { asCode, asText, escapedTo, plainTo, type SlackBlock } from "./slack-text.ts";

export interface SlackMessage {
  /** What notifications show. */
  readonly text: string;
  readonly blocks: readonly SlackBlock[];
}

/** What a message may tell beyond its event. */
export interface SlackContext {
  readonly task?: Pick<Task, "id" | "config" | "risk" | "preview">;
  /** Where this channel's reviewer decides. */
  readonly review?: string;
}

type Payload = EventBody["payload"];
type Fields = readonly (readonly [string, unknown])[];

export function slackMessage({ event, payload }: EventBody, context: SlackContext = {}): SlackMessage {
  switch (event) {
    case "approval:requested":
      return asked("Approval requested", payload, context, [
        ["Asked", payload.reviewer_id],
        ["By", payload.requested_by],
        ["Priority", payload.priority],
        ["Due", payload.due_at],
      ]);
    case "approval:escalated":
      return asked("Approval escalated", payload, context, [
        ["From", payload.from],
        ["To", payload.to],
      ]);
    case "approval:resolved":
      return told("Approval closed", [
        ["Outcome", payload.outcome],
        ["Approval", payload.approval_id],
        ["Task", payload.task_id],
      ]);
    case "task:state_changed":
      return told(`Task ${textOf(payload.new_state)}`, [
        ["Task", payload.task_id],
        ["Before", payload.previous_state],
        ["By", payload.triggered_by],
        ["Reason", payload.reason],
      ]);
    case "lock:deadlock_detected":
      return told("Deadlock resolved", [
        ["Aborted", victimOf(payload)],
        ["Between", sessionsOf(payload)],
      ]);
    default:
      return told(event, [
        ["Subject", payload.subject_id ?? payload.task_id ?? payload.lock_id ?? payload.agent_id],
        ["By", idOf(payload.who)],
        ["Reason", payload.reason],
      ]);
  }
}

function asked(title: string, payload: Payload, { task, review }: SlackContext, who: Fields): SlackMessage {
  const type = task?.config.type ?? payload.task_type;
  const risk = task?.risk === undefined ? payload.risk_score : `${task.risk.score} (${task.risk.level})`;
  const heading = type === undefined ? title : `${title}: ${textOf(type)}`;
  const about = task?.config.description.trim() ?? "";
  const text = about === "" ? heading : `${heading}: ${about}`;
  const diff = task === undefined ? "" : diffOf(task);
  return message(text, [
    header(heading),
    ...(about === "" ? [] : [section(escapedTo(about, 3_000))]),
    ...fields([["Risk", risk], ...who]),
    ...(diff === "" ? [] : [section(asCode(diff))]),
    ...(review === undefined ? [] : [button("Review", review)]),
    note(`Approval ${textOf(payload.approval_id)} of task ${textOf(payload.task_id)}`),
  ]);
}

function told(title: string, given: Fields): SlackMessage {
  return message(title, [header(title), ...fields(given)]);
}

function message(text: string, blocks: readonly SlackBlock[]): SlackMessage {
  return { text: escapedTo(text, 500), blocks };
}

function diffOf({ preview }: NonNullable<SlackContext["task"]>): string {
  const changes = preview?.changes ?? [];
  return changes.map(({ resource, action, diff }) => `${action} ${resource.key}\n${diff ?? ""}`.trim()).join("\n\n");
}

function victimOf({ resolution }: Payload): unknown {
  return (resolution as { victim_agent_id?: unknown } | undefined)?.victim_agent_id;
}

function sessionsOf({ cycle }: Payload): unknown {
  return Array.isArray(cycle) ? cycle.map(({ agent_id }: { agent_id?: unknown }) => textOf(agent_id)) : undefined;
}

function idOf(who: unknown): unknown {
  return (who as { id?: unknown } | undefined)?.id;
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : asText(value);
}

function header(text: string): SlackBlock {
  // Plain text shows what it is given, entities too.
  return { type: "header", text: { type: "plain_text", text: plainTo(text, 150) } };
}

function section(text: string): SlackBlock {
  return { type: "section", text: { type: "mrkdwn", text } };
}

/** Those that say something, in pairs as Slack lays them out. */
function fields(given: Fields): SlackBlock[] {
  const shown = given.flatMap(([name, value]) => {
    const text = asText(value);
    return text === "" ? [] : [{ type: "mrkdwn", text: `*${name}*\n${escapedTo(text, 1_900)}` }];
  });
  return shown.length === 0 ? [] : [{ type: "section", fields: shown }];
}

function button(text: string, url: string): SlackBlock {
  const element = { type: "button", text: { type: "plain_text", text }, url, action_id: "review", style: "primary" };
  return { type: "actions", elements: [element] };
}

function note(text: string): SlackBlock {
  return { type: "context", elements: [{ type: "mrkdwn", text: escapedTo(text, 1_900) }] };
}
