/**
 * A linearizability checker after Wing & Gong (1993) with Lowe's memoisation (2017). For tests only.
 *
 * A history is linearizable if every operation can be given one moment between its invocation and its answer such that the
 * operations, in the order of those moments, are a run of the sequential model.
 */

/** An operation took effect, at once, somewhere between `from` and `until` (ms of one monotonic clock). */
export interface Operation<Act> {
  readonly act: Act;
  readonly from: number;
  /** Infinity: nobody was told of its end, so it may have taken effect at any time, or never. */
  readonly until: number;
  /** It may not have happened at all, in spite of its end. */
  readonly isOptional?: boolean;
}

/** What the object is allowed to do, one operation at a time. States are immutable. */
export interface SequentialModel<State, Act> {
  readonly initial: State;
  /** Every state that may follow an operation between its `from` and `until`; none: it cannot happen in this state. */
  step(state: State, operation: Operation<Act>): readonly State[];
  /** Equal for equal states only. */
  key(state: State): string;
  /** Whether it can still make a difference that this operation without an answer was used up. Default: it can. */
  matters?(state: State, act: Act): boolean;
  /** Whether it never changes the object. Where it also returns the very same state, it is explained at once. Default: no. */
  isRead?(act: Act): boolean;
}

export type Verdict<State, Act> =
  | { readonly linearizable: true; readonly order: readonly Operation<Act>[] }
  | {
      readonly linearizable: false;
      /** The shortest beginning of the history (by answers) that no order explains. Its last operation is the witness. */
      readonly prefix: readonly Operation<Act>[];
      /** The states in which the object can have been when all but the last of `prefix` were explained. */
      readonly states: readonly State[];
    };

/** How many states are kept for the explanation of a failure. */
const STATES_TOLD = 5;

/** A point in the search: all operations below `base` and those in `beyond` have taken effect and led to `state`. */
interface Configuration<State> {
  readonly base: number;
  /** ascending, all above `base` */
  readonly beyond: readonly number[];
  /** No later operation can have ended before this. */
  readonly now: number;
  readonly state: State;
}

type Move<State, Act> = readonly [Operation<Act>, Configuration<State>];

/**
 * Searches for an order that explains the history, earliest answer first. Throws RangeError if more than `budget`
 * configurations are needed to decide.
 */
export function checkLinearizable<State, Act>(
  model: SequentialModel<State, Act>,
  history: readonly Operation<Act>[],
  budget = 1_000_000,
): Verdict<State, Act> {
  const mandatory = history.filter(isMandatory).sort((a, b) => a.until - b.until || a.from - b.from);
  const operations = [...mandatory, ...history.filter((operation) => !isMandatory(operation))];
  const answered = mandatory.length;
  const candidatesAt = candidatesOf(operations);
  const visited = new Set<string>();
  let furthest: Configuration<State>[] = [];

  /** What the operation can lead to. Its moment is after all that it began after, and before any of the others ended. */
  function* movesOf(now: Configuration<State>, index: number): Generator<Move<State, Act>> {
    const operation = operations[index];
    if (operation === undefined || operation.until < now.now || now.beyond.includes(index)) return;
    const from = Math.max(now.now, operation.from);
    const until = Math.min(operations[now.base]?.until ?? operation.until, operation.until);
    for (const state of model.step(now.state, { ...operation, from, until })) {
      yield [operation, { ...used(now, index), now: from, state }];
    }
  }

  function* successors(now: Configuration<State>): Generator<Move<State, Act>> {
    const candidates = candidatesAt(now.base);
    for (const index of candidates) {
      const operation = operations[index];
      if (operation === undefined || operation.from > now.now || !model.isRead?.(operation.act)) continue;
      // It rules nothing out, not even a time: if there is an order, there is one with this read here.
      for (const move of movesOf(now, index)) if (move[1].state === now.state) return yield move;
    }
    for (const index of candidates) {
      for (const move of movesOf(now, index)) if (index < answered || move[1].state !== now.state) yield move;
    }
  }

  function isNew({ base, beyond, now, state }: Configuration<State>): boolean {
    const told = beyond.filter((index) => {
      const operation = operations[index];
      if (index < answered || operation === undefined) return true;
      return operation.until >= now && (model.matters?.(state, operation.act) ?? true);
    });
    const key = `${base} ${told.join()} ${model.key(state)}`;
    if (visited.has(key)) return false;
    visited.add(key);
    if (visited.size > budget) throw new RangeError(`undecided after ${budget} configurations`);
    return true;
  }

  function reached(now: Configuration<State>): void {
    const best = furthest[0]?.base ?? -1;
    if (now.base > best) furthest = [now];
    else if (now.base === best && furthest.length < STATES_TOLD) furthest.push(now);
  }

  const start: Configuration<State> = { base: 0, beyond: [], now: Number.NEGATIVE_INFINITY, state: model.initial };
  reached(start);
  const order: Operation<Act>[] = [];
  const stack = [successors(start)];
  if (answered === 0) return { linearizable: true, order };
  for (let search = stack.at(-1); search !== undefined; search = stack.at(-1)) {
    const { value: move } = search.next();
    if (move === undefined) {
      stack.pop();
      order.pop();
      continue;
    }
    const [operation, now] = move;
    if (!isNew(now)) continue;
    order.push(operation);
    reached(now);
    if (now.base >= answered) return { linearizable: true, order };
    stack.push(successors(now));
  }
  const failedAt = furthest[0]?.base ?? 0;
  return {
    linearizable: false,
    prefix: operations.slice(0, failedAt + 1),
    states: furthest.map(({ state }) => state),
  };
}

function isMandatory({ until, isOptional = false }: Operation<unknown>): boolean {
  return until < Number.POSITIVE_INFINITY && !isOptional;
}

/**
 * Which operations may come next when `base` is the earliest answer still unexplained: all that began before that answer
 * and had not ended when one of those explained already began.
 * The candidates come out with the most urgent first, and those that may never have happened last.
 */
function candidatesOf(operations: readonly Operation<unknown>[]): (base: number) => readonly number[] {
  const known = new Map<number, readonly number[]>();
  const byInvocation = operations.map((operation, index) => ({ ...operation, index })).sort((a, b) => a.from - b.from);
  let latest = Number.NEGATIVE_INFINITY;
  const begun = operations.map(({ from }) => {
    const before = latest;
    latest = Math.max(latest, from);
    return before;
  });
  return (base) => {
    let candidates = known.get(base);
    if (candidates === undefined) {
      const start = begun[base] ?? latest;
      const end = operations[base]?.until ?? start;
      const found: number[] = [];
      for (const { from, until, index } of byInvocation) {
        if (from > end) break;
        if (index >= base && until >= start) found.push(index);
      }
      candidates = found.sort((a, b) => a - b);
      known.set(base, candidates);
    }
    return candidates;
  };
}

function used({ base, beyond }: Configuration<unknown>, index: number): { base: number; beyond: readonly number[] } {
  if (index !== base) return { base, beyond: [...beyond, index].sort((a, b) => a - b) };
  let end = 0;
  while (beyond[end] === base + 1 + end) end += 1;
  return { base: base + 1 + end, beyond: beyond.slice(end) };
}
