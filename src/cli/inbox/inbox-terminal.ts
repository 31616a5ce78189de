/** The inbox on a real terminal: keys in, screens out, calls to the server in between. */
import { emitKeypressEvents, type Key } from "node:readline";
import type { Countersign } from "../../client/index.ts";
import type { Look } from "../terminal/table.ts";
import { toldFailure } from "../terminal/told-failure.ts";
import { inboxScreen } from "./inbox-screen.ts";
import { type InboxEffect, type InboxNews, openInbox, step } from "./inbox-state.ts";

/** The other screen of a terminal, so that what was there before is there afterwards; no cursor, long lines are cut, pastes are marked. */
const ENTER = "\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[?2004h";
const LEAVE = "\x1b[?2004l\x1b[?7h\x1b[?25h\x1b[?1049l";
/** Of a terminal that does not say how large it is (lines). */
const USUAL_HEIGHT = 24;
const HOME = "\x1b[H";
const CLEAR_TO_END = "\x1b[J";
const CLEAR_LINE = "\x1b[K";
const LIMIT = 100;

/** Runs until its user leaves it. Whatever happens, the terminal is given back as it was. */
export async function runInbox(client: Countersign, look: () => Look): Promise<void> {
  const { stdin, stdout } = process;
  let state = openInbox(await waiting(client));
  const draw = () => {
    const lines = inboxScreen(state, look(), stdout.rows || USUAL_HEIGHT);
    stdout.write(`${HOME}${lines.map((line) => line + CLEAR_LINE).join("\r\n")}${CLEAR_TO_END}`);
  };
  await new Promise<void>((resolve, reject) => {
    const take = (news: InboxNews) => {
      const next = step(state, news);
      state = next.state;
      if (next.effect?.do === "quit") return leave(resolve);
      draw();
      if (next.effect !== undefined)
        void carriedOut(client, next.effect).then(take, (thrown) => leave(() => reject(thrown)));
    };
    let paste: string | undefined;
    const onKey = (typed: string | undefined, key: Key) => {
      if (key.name === "paste-start") paste = "";
      else if (paste === undefined) take({ is: "key", key: nameOf(key) });
      else if (key.name !== "paste-end") paste += typed ?? key.sequence ?? "";
      else {
        take({ is: "pasted", text: paste });
        paste = undefined;
      }
    };
    const onSignal = () => leave(resolve);
    const leave = (then: () => void) => {
      stdin.off("keypress", onKey).setRawMode(false).pause();
      stdout.off("resize", draw).write(LEAVE);
      process.off("SIGTERM", onSignal);
      then();
    };
    emitKeypressEvents(stdin);
    stdin.setRawMode(true).resume().on("keypress", onKey);
    stdout.on("resize", draw).write(ENTER);
    process.once("SIGTERM", onSignal);
    draw();
  });
}

/** What waits for the caller, most urgent first as the server sorts it. */
async function waiting(client: Countersign) {
  return (await client.approvals.list({ status: ["PENDING"], limit: LIMIT })).approvals;
}

/** What was expected to fail at times is news; a bug is thrown. */
async function carriedOut(client: Countersign, effect: Exclude<InboxEffect, { do: "quit" }>): Promise<InboxNews> {
  try {
    switch (effect.do) {
      case "reload":
        return { is: "loaded", entries: await waiting(client) };
      case "open":
        return { is: "opened", detail: await client.approvals.get(effect.entry.id) };
      case "decide": {
        const { id, revision, task } = effect.entry;
        const { task_state } = await client.approvals.respond(id, { ...effect.decision, revision });
        return { is: "decided", id, text: `${effect.decision.action}: ${task.description} is ${task_state}` };
      }
    }
  } catch (thrown) {
    const told = toldFailure(thrown);
    if (told === undefined) throw thrown;
    return { is: "failed", text: `${told.message} (${told.code})` };
  }
}

const NAMES: Readonly<Record<string, string>> = { return: "enter" };

/** A key by its name, or the character that it types. */
function nameOf({ name, sequence, ctrl }: Key): string {
  if (ctrl) return `ctrl-${name}`;
  if (sequence !== undefined && [...sequence].length === 1 && sequence >= " " && sequence !== "\x7f") return sequence;
  return NAMES[name ?? ""] ?? name ?? "";
}
