/** One-click links: who gets one, and what the trail says of it (docs/design/links.md). Pure. */
import { ok, type Result } from "../actor/result.ts";
import type { TaskRecord } from "../tasks/task.ts";
import { RespondInput } from "../tasks/task-contract.ts";
import type { Transition, Turn } from "../tasks/transition.ts";
import { respond } from "./decide.ts";
import type { NewLink } from "./link-token.ts";
import { about } from "./requests.ts";

const anyAnswer = () => RespondInput.parse({ action: "reject", reason: "to see who may" });

/** A link is for whoever could answer the request now, for themselves. It changes nothing of the task. */
export function offerLink(task: TaskRecord, requestId: string, link: NewLink, turn: Turn): Result<Transition> {
  const may = respond(task, requestId, anyAnswer(), turn);
  if (!may.ok) return may;
  const happenings = task.requests
    .filter(({ id }) => id === requestId)
    .map((request) =>
      about(request, "token.created", {
        token_id: link.token_id,
        link_for: turn.caller.who.id,
        expires_at: new Date(link.expires_at * 1000).toISOString(),
      }),
    );
  return ok({ task, happenings, effects: [] });
}
