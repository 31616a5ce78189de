/**
 * Effects as they arrive: applied once, in order per source, and acknowledged when they are durable. What asks nobody to do
 * anything is applied at once if it comes alone, else together with what else comes soon, in one commit: the next effect that
 * may not wait takes along what does, and so does whoever reads what they are about (docs/design/commits.md).
 */
import { causeOf } from "../log.ts";
import type { Caller } from "./caller.ts";
import type { Commit, Envelope } from "./commit.ts";
import type { EffectRow, Receipt } from "./outbox.ts";
import { Pace } from "./pace.ts";
import type { ActorKey } from "./remote.ts";

/** How far commits of effects that may wait are apart at least. Two in a row of one source stay within a quarter of a second. */
export const INTAKE_GAP_MS = 100;

/** Old marks are looked for that often at most: a statement of every commit, and one hour among the 24 of their keep. */
const FORGET_EVERY_MS = 60 * 60 * 1000;

interface Dependencies {
  readonly commit: (caller: Caller, work: (tx: Commit) => void) => void;
  readonly receive: (tx: Commit, caller: Caller, source: ActorKey, body: unknown) => void;
  readonly mayWait: (body: unknown) => boolean;
  /** The last effect of a source that was applied; 0 if none was. */
  readonly markOf: (source: ActorKey) => number;
  /** Marks of sources that have been silent this long (ms) are forgotten. */
  readonly keepMarksFor: number;
}

interface Message extends Envelope {
  readonly source: ActorKey;
  readonly n: number;
  readonly mayWait: boolean;
}

interface Arrival {
  readonly source: ActorKey;
  readonly messages: readonly Message[];
  readonly answer: (receipt: Receipt) => void;
}

export class Intake {
  readonly #deps: Dependencies;
  readonly #pace = new Pace(INTAKE_GAP_MS, () => this.#takeAll());
  #waiting: Arrival[] = [];
  /** When marks were looked through for old ones; ms */
  #forgotAt = 0;

  constructor(deps: Dependencies) {
    this.#deps = deps;
  }

  /** Takes rows of one source, oldest first; answers once everything up to `acked` is durable. Never rejects. */
  take(source: ActorKey, rows: readonly EffectRow[]): Promise<Receipt> {
    const { promise, resolve } = Promise.withResolvers<Receipt>();
    const messages = rows.map(({ n, message }): Message => {
      const envelope = JSON.parse(message) as Envelope;
      return { ...envelope, source, n, mayWait: this.#deps.mayWait(envelope.body) };
    });
    this.#waiting.push({ source, messages, answer: resolve });
    if (messages.every(({ mayWait }) => mayWait)) this.#pace.soon();
    else this.#pace.now();
    return promise;
  }

  /** Applies what waits, now. */
  flush(): void {
    if (this.#waiting.length > 0) this.#pace.now();
  }

  #takeAll(): void {
    const arrivals = this.#waiting.splice(0);
    const marks = new Map(arrivals.map(({ source }) => [source, this.#deps.markOf(source)]));
    const failures = new Map<ActorKey, string>();
    for (const together of inCommits(arrivals.flatMap(({ messages }) => messages))) {
      this.#apply(together, marks, failures);
    }
    for (const { source, answer } of arrivals) {
      const [acked = 0, failed] = [marks.get(source), failures.get(source)];
      answer(failed === undefined ? { acked } : { acked, failed });
    }
  }

  /** One commit for all; if one of them is refused, one for each, so that it holds up its own source only. */
  #apply(together: readonly Message[], marks: Map<ActorKey, number>, failures: Map<ActorKey, string>): void {
    const open = together.filter(({ source }) => !failures.has(source));
    const [first] = open;
    if (first === undefined) return;
    try {
      for (const [source, n] of this.#commit(first.caller, open, marks)) marks.set(source, n);
    } catch (thrown) {
      if (open.length === 1) failures.set(first.source, causeOf(thrown));
      else for (const one of open) this.#apply([one], marks, failures);
    }
  }

  /** By source: the last effect that is applied now. */
  #commit(
    caller: Caller,
    messages: readonly Message[],
    marks: ReadonlyMap<ActorKey, number>,
  ): ReadonlyMap<ActorKey, number> {
    const reached = new Map<ActorKey, number>();
    // What came before, most often because its receipt was lost, costs no commit; nor does what its source sent twice.
    const fresh = messages.filter(({ source, n }) => {
      const isNew = n > (reached.get(source) ?? marks.get(source) ?? 0);
      if (isNew) reached.set(source, n);
      return isNew;
    });
    if (fresh.length === 0) return reached;
    const { commit, receive, keepMarksFor } = this.#deps;
    let forgotAt = this.#forgotAt;
    commit(caller, (tx) => {
      if (tx.now >= forgotAt + FORGET_EVERY_MS) {
        tx.store.dropMarksBefore(tx.now - keepMarksFor);
        forgotAt = tx.now;
      }
      for (const { source, caller: sender, body } of fresh) {
        tx.actFor(sender);
        receive(tx, sender, source, body);
      }
      for (const [source, n] of reached) tx.store.saveMark(source, n, tx.now);
    });
    this.#forgotAt = forgotAt;
    return reached;
  }
}

/**
 * Which messages one commit takes in: those that may wait, with the next one that may not. Never two of the latter, whose
 * handlers may go by the memory of the actor, which follows only when a commit stands.
 */
function inCommits(messages: readonly Message[]): Message[][] {
  const commits: Message[][] = [];
  let open: Message[] = [];
  for (const message of messages) {
    open.push(message);
    if (message.mayWait) continue;
    commits.push(open);
    open = [];
  }
  if (open.length > 0) commits.push(open);
  return commits;
}
