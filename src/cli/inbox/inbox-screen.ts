/** What the inbox looks like, line by line. */
import { plainLine } from "../terminal/plain-text.ts";
import { type Look, table } from "../terminal/table.ts";
import { fitted } from "../terminal/text-width.ts";
import { approvalView, INBOX_COLUMNS } from "../views/approval-view.ts";
import type { InboxState } from "./inbox-state.ts";

const KEYS = "a approve  r reject  c request changes  d delegate  n next  o open  g reload  q quit";
const QUESTION = {
  reject: "Why reject?",
  request_changes: "What should change?",
  delegate: "Who should decide?",
} as const;
/** Title, notice or question, and keys, with what stands between them. */
const FRAME_LINES = 6;
/** A window of fewer lines keeps the list, and one line for the notice or the question. */
const LOW = 8;

/** @param height lines; no more are drawn */
export function inboxScreen(state: InboxState, look: Look, height: number): string[] {
  const isLow = height < LOW;
  const room = Math.max(1, height - (isLow ? 1 : FRAME_LINES));
  const count = state.entries.length;
  const title = `${look.paint("bold", "Inbox")}  ${look.paint("dim", count === 0 ? "nothing waits for you" : `${state.at + 1} of ${count}`)}`;
  const body = state.detail === undefined ? listLines(state, look, room) : approvalView(state.detail, look).split("\n");
  // The last line is the one to keep: what is asked, and what the keys would do.
  if (isLow) return [...clipped(body, room, look), footer(state, look) || title].slice(-height);
  return [
    title,
    "",
    ...clipped(body, room, look),
    "",
    footer(state, look),
    look.paint("dim", fitted(KEYS, look.width)),
  ];
}

function listLines(state: InboxState, look: Look, room: number): string[] {
  if (state.entries.length === 0) return [];
  const [head = "", ...rows] = table(INBOX_COLUMNS(look.now), state.entries, {
    ...look,
    width: look.width - 2,
  }).split("\n");
  // The head line stays; the rows scroll so that the cursor is among them.
  const visible = Math.max(1, room - 1);
  const first = Math.max(0, Math.min(state.at - Math.floor(visible / 2), rows.length - visible));
  const shown = rows.map((row, at) => (at === state.at ? `${look.paint("cyan", "›")} ${row}` : `  ${row}`));
  const rowsShown = shown.slice(first, first + visible);
  return room > 1 ? [`  ${head}`, ...rowsShown] : rowsShown;
}

function clipped(lines: readonly string[], room: number, look: Look): string[] {
  if (lines.length <= room) return [...lines];
  return [
    ...lines.slice(0, room - 1),
    look.paint("dim", `… ${lines.length - room + 1} more lines: countersign task show`),
  ];
}

function footer({ asking, busy, notice }: InboxState, { paint }: Look): string {
  if (asking !== undefined)
    return `${paint("yellow", QUESTION[asking.for])} ${plainLine(asking.typed)}█  ${paint("dim", "enter sends, escape goes back")}`;
  if (busy) return paint("dim", "…");
  return notice === undefined ? "" : paint(notice.ok ? "green" : "red", plainLine(notice.text));
}
