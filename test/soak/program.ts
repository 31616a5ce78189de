/** What the clients of a soak do: made of a seed, plain JSON, and still a program when steps are left out of it. */
import type { LockMode } from "../../src/locks/lock-types.ts";
import type { Random } from "../support/random.ts";

/** Resources that only clients lock. */
export const FREE = [0, 1, 2, 3] as const;
/** Resources that applies of tasks lock, too. */
export const SHARED_WITH_TASKS = [4, 5] as const;
/** The lock of a task that nobody applies. */
export const TASK = 6;
/** The permits of the client's own agent. */
export const PERMIT = 7;

export const CLIENTS = 12;
export const TASKS = 2;

export type Deed =
  /** `isPatient`: with its request held open; else it goes on with its claim in the queue. */
  | { readonly do: "acquire"; readonly lock: number; readonly mode: LockMode; readonly isPatient: boolean }
  /** Several locks or none, by a session of its own. */
  | { readonly do: "acquire_all"; readonly locks: readonly number[]; readonly mode: LockMode }
  /** With one of those it has: which one, modulo how many there are. */
  | { readonly do: "release" | "heartbeat" | "downgrade" | "upgrade" | "verify" | "read"; readonly which: number }
  | { readonly do: "rest"; readonly ms: number }
  | { readonly do: "apply"; readonly task: number };

export type Step =
  | ({ readonly client: number } & Deed)
  /** `kill -9` of the whole server, that many ms after the beginning. */
  | { readonly do: "crash"; readonly at: number };

export type Program = readonly Step[];

/** A program of about `steps` steps with `crashes` crashes in it. */
export function programOf(random: Random, steps: number, crashes: number): Program {
  const applies = Array.from({ length: TASKS }, (_, task): Step => ({ client: CLIENTS + task, do: "apply", task }));
  const deeds = Array.from({ length: steps }, (): Step => ({ client: below(random, CLIENTS), ...deedOf(random) }));
  const ends = Array.from(
    { length: crashes },
    (): Step => ({ do: "crash", at: Math.floor(random.between(300, 4_000)) }),
  );
  return [...applies, ...deeds, ...ends];
}

function deedOf(random: Random): Deed {
  const choice = random.between(0, 1);
  const which = below(random, 4);
  const mode = random.pick(["shared", "exclusive", "exclusive"] as const);
  if (choice < 0.45) return { do: "acquire", lock: lockOf(random), mode, isPatient: random.chance(0.8) };
  if (choice < 0.5) return { do: "acquire_all", locks: [...FREE, TASK].filter(() => random.chance(0.5)), mode };
  if (choice < 0.7) return { do: "release", which };
  if (choice < 0.76) return { do: "upgrade", which };
  if (choice < 0.94) return { do: random.pick(["heartbeat", "downgrade", "verify", "read"] as const), which };
  return { do: "rest", ms: Math.floor(random.between(1, 120)) };
}

function lockOf(random: Random): number {
  const choice = random.between(0, 1);
  if (choice < 0.65) return random.pick(FREE);
  if (choice < 0.85) return random.pick(SHARED_WITH_TASKS);
  return choice < 0.93 ? TASK : PERMIT;
}

function below(random: Random, count: number): number {
  return Math.floor(random.between(0, count));
}
