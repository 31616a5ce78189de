/** The interactive inbox as a state machine: a key in, what to show and what to do out. No terminal, no network. */
import type { ApprovalDetail, InboxEntry } from "../views/approval-view.ts";

/** What the reader is being asked for. */
export type Asking = "reject" | "request_changes" | "delegate";

export interface InboxState {
  readonly entries: readonly InboxEntry[];
  /** Which of them the cursor is on; 0 if there are none. */
  readonly at: number;
  readonly detail: ApprovalDetail | undefined;
  /** A line that is being typed. */
  readonly asking: { readonly for: Asking; readonly typed: string } | undefined;
  /** A call is under way: keys but for leaving wait for it. */
  readonly busy: boolean;
  /** What came of the last thing that was done. */
  readonly notice: { readonly text: string; readonly ok: boolean } | undefined;
}

export type Decision =
  | { readonly action: "approve" }
  | { readonly action: "reject" | "request_changes"; readonly reason: string }
  | { readonly action: "delegate"; readonly delegate_to: string };

export type InboxEffect =
  | { readonly do: "decide"; readonly entry: InboxEntry; readonly decision: Decision }
  | { readonly do: "open"; readonly entry: InboxEntry }
  | { readonly do: "reload" }
  | { readonly do: "quit" };

export type InboxNews =
  | { readonly is: "key"; readonly key: string }
  | { readonly is: "pasted"; readonly text: string }
  | { readonly is: "decided"; readonly id: string; readonly text: string }
  | { readonly is: "opened"; readonly detail: ApprovalDetail }
  | { readonly is: "loaded"; readonly entries: readonly InboxEntry[] }
  | { readonly is: "failed"; readonly text: string };

export interface Step {
  readonly state: InboxState;
  readonly effect?: InboxEffect;
}

export function openInbox(entries: readonly InboxEntry[]): InboxState {
  return { entries, at: 0, detail: undefined, asking: undefined, busy: false, notice: undefined };
}

/** One step. Approving is bound to the revision that is on the screen: the entry names it. */
export function step(state: InboxState, news: InboxNews): Step {
  switch (news.is) {
    case "key":
      return onKey(state, news.key);
    case "pasted":
      return { state: pasted(state, news.text) };
    case "decided": {
      const entries = state.entries.filter(({ id }) => id !== news.id);
      const at = Math.max(0, Math.min(state.at, entries.length - 1));
      return { state: { ...openInbox(entries), at, notice: { text: news.text, ok: true } } };
    }
    case "opened":
      return { state: { ...state, busy: false, detail: news.detail } };
    case "loaded":
      return { state: { ...openInbox(news.entries), notice: { text: `${news.entries.length} waiting`, ok: true } } };
    case "failed":
      return { state: { ...state, busy: false, notice: { text: news.text, ok: false } } };
  }
}

function onKey(state: InboxState, key: string): Step {
  if (key === "ctrl-c") return { state, effect: { do: "quit" } };
  if (state.busy) return { state };
  return state.asking === undefined ? onCommand(state, key) : onTyping(state, state.asking, key);
}

function onCommand(state: InboxState, key: string): Step {
  const entry = state.entries[state.at];
  if (key === "q") return { state, effect: { do: "quit" } };
  if (key === "g") return { state: { ...state, busy: true, notice: undefined }, effect: { do: "reload" } };
  if (entry === undefined) return { state };
  switch (key) {
    case "a":
      return deciding(state, entry, { action: "approve" });
    case "r":
      return { state: asked(state, "reject") };
    case "c":
      return { state: asked(state, "request_changes") };
    case "d":
      return { state: asked(state, "delegate") };
    case "n":
    case "j":
    case "down":
      return { state: moved(state, 1) };
    case "p":
    case "k":
    case "up":
      return { state: moved(state, -1) };
    case "o":
    case "enter":
      if (state.detail !== undefined) return { state: { ...state, detail: undefined } };
      return { state: { ...state, busy: true, notice: undefined }, effect: { do: "open", entry } };
    case "escape":
      return state.detail === undefined
        ? { state, effect: { do: "quit" } }
        : { state: { ...state, detail: undefined } };
    default:
      return { state };
  }
}

function onTyping(state: InboxState, asking: NonNullable<InboxState["asking"]>, key: string): Step {
  const entry = state.entries[state.at];
  if (key === "escape" || entry === undefined) return { state: { ...state, asking: undefined } };
  if (key === "backspace") return { state: typing(state, asking, [...asking.typed].slice(0, -1).join("")) };
  if (key === "enter") {
    const text = asking.typed.trim();
    if (text === "") return { state };
    return deciding(
      state,
      entry,
      asking.for === "delegate" ? { action: "delegate", delegate_to: text } : { action: asking.for, reason: text },
    );
  }
  const typed = key === "space" ? " " : key;
  return { state: [...typed].length === 1 ? typing(state, asking, asking.typed + typed) : state };
}

/** One line of what was asked for, whatever it looks like; elsewhere nothing: what is pasted is no word of command. */
function pasted(state: InboxState, text: string): InboxState {
  if (state.asking === undefined) return state;
  return typing(state, state.asking, state.asking.typed + text.replaceAll(/\s+/g, " "));
}

function typing(state: InboxState, asking: NonNullable<InboxState["asking"]>, typed: string): InboxState {
  return { ...state, asking: { ...asking, typed } };
}

function asked(state: InboxState, what: Asking): InboxState {
  return { ...state, asking: { for: what, typed: "" }, notice: undefined };
}

function deciding(state: InboxState, entry: InboxEntry, decision: Decision): Step {
  return {
    state: { ...state, asking: undefined, busy: true, notice: undefined },
    effect: { do: "decide", entry, decision },
  };
}

/** Round and round; what was open is closed, so that nobody decides on one and looks at another. */
function moved(state: InboxState, by: number): InboxState {
  const count = state.entries.length;
  return { ...state, at: (state.at + by + count) % count, detail: undefined, notice: undefined };
}
