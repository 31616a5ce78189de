/** Readiness: D1 and the coordinator answer. Looked at no more than every 5 s per isolate (02, "Authentication"). */
import { coordinatorOf } from "../deadlocks/coordinator-api.ts";
import type { Env } from "../env.ts";
import { causeOf, log } from "../log.ts";

const EVERY_MS = 5_000;
const WORKSPACE = "default";

export interface Readiness {
  readonly ready: boolean;
  readonly checks: Readonly<Record<string, "ok" | "failing">>;
}

let last: { readonly at: number; readonly answer: Promise<Readiness> } | undefined;

/** What the last look found, or a new one if it is 5 s old; `now` in ms. Never rejects: what does not answer is `failing`. */
export function readiness(env: Env, now = Date.now()): Promise<Readiness> {
  if (last === undefined || now - last.at >= EVERY_MS) last = { at: now, answer: look(env) };
  return last.answer;
}

async function look(env: Env): Promise<Readiness> {
  const [database, coordinator] = await Promise.all([
    check("database", env.DB.prepare("SELECT 1 FROM audit_log LIMIT 1").all()),
    check("coordinator", coordinatorOf(env, WORKSPACE).ping()),
  ]);
  return { ready: database === "ok" && coordinator === "ok", checks: { database, coordinator } };
}

async function check(part: string, work: Promise<unknown>): Promise<"ok" | "failing"> {
  try {
    await work;
    return "ok";
  } catch (thrown) {
    log("error", "readiness.failing", { part, cause: causeOf(thrown) });
    return "failing";
  }
}
