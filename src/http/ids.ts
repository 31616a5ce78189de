/** Ids in paths and bodies: the shape is a 400, what the id names is for the route to find or not (02, "Errors"). */
import type { ErrorCode } from "../actor/error-codes.ts";
import { type ActorKind, type ParsedId, parseId } from "../actor/ids.ts";
import { Id } from "../wire.ts";
import { z } from "../zod.ts";
import { refuse } from "./failure.ts";

export const IdParams = z.lazy(() => z.strictObject({ id: Id }));

/** What an id of one of these kinds names; a UUID that is none of ours, or of another kind, names nothing. */
function located(id: string, kinds: readonly ActorKind[], code: ErrorCode, what: string, isActor: boolean): ParsedId {
  const parsed = parseId(id);
  const fits = parsed !== null && kinds.includes(parsed.kind) && (parsed.member === 0) === isActor;
  return fits ? parsed : refuse(code, `there is no such ${what}`);
}

export function taskId(id: string): ParsedId {
  return located(id, ["task"], "TASK_NOT_FOUND", "task", true);
}

export function approvalId(id: string): ParsedId {
  return located(id, ["task"], "APPROVAL_NOT_FOUND", "approval request", false);
}

export function lockId(id: string): ParsedId {
  return located(id, ["task", "resource", "agent"], "LOCK_NOT_FOUND", "lease or claim", false);
}
