import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { paintOf } from "../terminal/paint.ts";
import { widthOf } from "../terminal/text-width.ts";
import type { ApprovalDetail, InboxEntry } from "../views/approval-view.ts";
import { inboxScreen } from "./inbox-screen.ts";
import { type InboxEffect, type InboxState, openInbox, step } from "./inbox-state.ts";

function entry(id: string): InboxEntry {
  return {
    id,
    task_id: `task-${id}`,
    reviewer_id: "bob",
    reviewer_name: "Bob",
    revision: 3,
    status: "PENDING",
    priority: "NORMAL",
    due_at: "2026-01-02T00:00:00Z",
    escalation_level: 0,
    created_at: "2026-01-01T00:00:00Z",
    task: {
      id: `task-${id}`,
      type: "t",
      description: `change ${id}`,
      author_id: "alice",
      risk_score: 0.4,
      risk_level: "MEDIUM",
    },
  };
}

const inbox = openInbox([entry("1"), entry("2"), entry("3")]);

/** Types keys one after the other. */
function typed(state: InboxState, ...keys: string[]): { state: InboxState; effects: InboxEffect[] } {
  const effects: InboxEffect[] = [];
  let now = state;
  for (const key of keys) {
    const next = step(now, { is: "key", key });
    now = next.state;
    if (next.effect !== undefined) effects.push(next.effect);
  }
  return { state: now, effects };
}

describe("the inbox", () => {
  it("approves the one under the cursor with a", () => {
    const { state, effects } = typed(inbox, "n", "a");
    expect(effects).toMatchObject([{ do: "decide", entry: { id: "2", revision: 3 }, decision: { action: "approve" } }]);
    const after = step(state, { is: "decided", id: "2", text: "approved" }).state;
    expect(after.entries.map(({ id }) => id)).toEqual(["1", "3"]);
    expect(after).toMatchObject({ at: 1, busy: false, notice: { ok: true } });
  });

  it("asks for a reason before it rejects, and for a person before it delegates", () => {
    expect(typed(inbox, "r", "enter").effects).toEqual([]);
    expect(typed(inbox, "r", "n", "o", "x", "backspace", "enter").effects).toMatchObject([
      { decision: { action: "reject", reason: "no" } },
    ]);
    expect(typed(inbox, "d", ..."carol", "enter").effects).toMatchObject([
      { decision: { action: "delegate", delegate_to: "carol" } },
    ]);
    expect(typed(inbox, "r", "a", "q", "escape").effects).toEqual([]);
  });

  it("takes a paste for one line of what it asks for, and for no word of command where it asks for nothing", () => {
    const paste = (state: InboxState) => step(state, { is: "pasted", text: "not\r\n on\tFriday\na" });
    expect(paste(inbox)).toEqual({ state: inbox });
    const asking = paste(typed(inbox, "r").state);
    expect(asking.effect).toBeUndefined();
    expect(typed(asking.state, "enter").effects).toMatchObject([{ decision: { reason: "not on Friday a" } }]);
  });

  it("goes round with n, and closes what was open, so that nobody decides on another than they see", () => {
    expect(typed(inbox, "n", "n", "n").state.at).toBe(0);
    const opened = step(typed(inbox, "o").state, { is: "opened", detail: { id: "1" } as ApprovalDetail }).state;
    expect(opened.detail).toBeDefined();
    expect(typed(opened, "n").state).toMatchObject({ at: 1, detail: undefined });
    expect(typed(opened, "o").state.detail).toBeUndefined();
  });

  it("does nothing twice while a call is under way, but can be left", () => {
    const { effects } = typed(inbox, "a", "a", "n", "ctrl-c");
    expect(effects.map((one) => one.do)).toEqual(["decide", "quit"]);
    const failed = step(typed(inbox, "a").state, { is: "failed", text: "no (FORBIDDEN)" }).state;
    expect(failed).toMatchObject({ busy: false, notice: { ok: false } });
    expect(failed.entries).toHaveLength(3);
  });

  it("has nothing to do when it is empty, and quits with q", () => {
    expect(typed(openInbox([]), "a", "r", "d", "n", "o", "q").effects).toEqual([{ do: "quit" }]);
  });

  it("whatever is typed: the cursor is on an entry, and every screen fits the terminal", () => {
    const keys = fc.array(
      fc.constantFrom("a", "r", "c", "d", "n", "p", "o", "g", "enter", "escape", "backspace", "x", "字"),
      { maxLength: 30 },
    );
    fc.assert(
      fc.property(
        keys,
        fc.integer({ min: 40, max: 100 }),
        fc.integer({ min: 2, max: 30 }),
        (pressed, width, height) => {
          const { state } = typed(inbox, ...pressed);
          expect(state.entries[state.at]).toBeDefined();
          const lines = inboxScreen({ ...state, asking: undefined }, { paint: paintOf(false), width, now: 0 }, height);
          expect(lines.length).toBeLessThanOrEqual(height);
          expect(lines.filter((line) => line.startsWith("› "))).toHaveLength(1);
          expect(widthOf(lines.at(-1) ?? "")).toBeLessThanOrEqual(width);
        },
      ),
    );
  });
});
