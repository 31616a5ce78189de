/** What waits for a reviewer, as a list and one at a time. */
import type { AnswerOf, Schema } from "../../client/index.ts";
import { elapsed } from "../terminal/elapsed.ts";
import { plainLine } from "../terminal/plain-text.ts";
import { type Column, type Look, table } from "../terminal/table.ts";
import { riskInk, stateInk } from "./inks.ts";
import { previewLines, riskLines } from "./task-view.ts";

export type InboxEntry = AnswerOf<"GET /approvals">["approvals"][number];
export type ApprovalDetail = Schema<"ApprovalDetail">;

/** In the interactive inbox, where nobody types an id. */
export const INBOX_COLUMNS = (now: number): readonly Column<InboxEntry>[] => [
  {
    title: "PRIORITY",
    text: ({ priority }) => priority,
    ink: ({ priority }) => (priority === "URGENT" ? "red" : undefined),
  },
  { title: "RISK", text: ({ task }) => task.risk_level, ink: ({ task }) => riskInk(task.risk_level) },
  { title: "CHANGE", text: ({ task }) => task.description, flexible: true },
  { title: "AUTHOR", text: ({ task }) => task.author_id, flexible: true },
  { title: "DUE", text: ({ due_at }) => elapsed(due_at, now) },
];

const APPROVAL_COLUMNS = (now: number): readonly Column<InboxEntry>[] => [
  { title: "APPROVAL", text: ({ id }) => id },
  { title: "STATUS", text: ({ status }) => status, ink: ({ status }) => stateInk(status) },
  ...INBOX_COLUMNS(now),
];

export function approvalTable(approvals: readonly InboxEntry[], look: Look): string {
  return table(APPROVAL_COLUMNS(look.now), approvals, look);
}

/** All that a decision needs: the diff, the risk, and whether one may decide at all. */
export function approvalView(detail: ApprovalDetail, look: Look): string {
  const { paint, now } = look;
  const { task, eligibility } = detail;
  return [
    `${paint("bold", plainLine(task.description))}  ${paint(stateInk(detail.status) ?? "dim", detail.status)}`,
    paint(
      "dim",
      `${detail.id} · ${plainLine(task.type)} · revision ${detail.revision} · by ${plainLine(task.author_id)} · due ${elapsed(detail.due_at, now)}`,
    ),
    ...(detail.on_behalf_of === undefined ? [] : [`on behalf of ${plainLine(detail.on_behalf_of)}`]),
    ...riskLines(detail, look),
    ...previewLines(detail.preview, look),
    ...(eligibility.can_decide
      ? []
      : ["", paint("yellow", `you cannot decide: ${eligibility.why_not ?? "not eligible"}`)]),
  ].join("\n");
}
