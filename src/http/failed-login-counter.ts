/** Login failures as one isolate counts them: in memory, handed over to the ledger together, never one call per request. */
import { type DeadToken, type FailedLogins, failedLogin, tallied } from "../audit/failed-logins.ts";
import { ledgerOf } from "../audit/ledger-api.ts";
import type { Env } from "../env.ts";
import { causeOf, log } from "../log.ts";
import { whereOf } from "./where.ts";

/** How long failures gather before one call hands them over. */
const LINGER_MS = 1_000;
/** The request that was to hand over may have been ended: the next one takes its place. */
const OVERDUE_MS = 10_000;
/** Whom the token of nobody was used against: bearers do not name their workspace. */
const NO_WORKSPACE = "default";

/** Per isolate, by workspace. Lost with it: a second's worth at most. */
const waiting = new Map<string, readonly FailedLogins[]>();
let handingOverSince: number | undefined;

/** Counts one failure; `after` keeps the request's context alive until it is handed over. */
export function countFailedLogin(
  env: Env,
  request: Request,
  reason: DeadToken,
  after: (work: Promise<unknown>) => void,
  workspace = NO_WORKSPACE,
): void {
  const now = Date.now();
  const tallies = waiting.get(workspace) ?? [];
  waiting.set(workspace, tallied(tallies, [failedLogin(reason, whereOf(request, "api"), now)], now));
  if (handingOverSince !== undefined && Math.abs(now - handingOverSince) < OVERDUE_MS) return;
  handingOverSince = now;
  after(handOverSoon(env));
}

async function handOverSoon(env: Env): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, LINGER_MS));
  handingOverSince = undefined;
  const gathered = [...waiting];
  waiting.clear();
  await Promise.all(
    gathered.map(async ([workspace, tallies]) => {
      try {
        await ledgerOf(env, workspace).noteFailedLogins(tallies);
      } catch (thrown) {
        const now = Date.now();
        waiting.set(workspace, tallied(waiting.get(workspace) ?? [], tallies, now));
        log("error", "failed_logins.not_handed_over", { cause: causeOf(thrown) });
      }
    }),
  );
}
