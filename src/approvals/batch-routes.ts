/** Many answers at once over HTTP (03-tasks-and-approvals, "Batch"; docs/design/batch.md). */
import { hasRole } from "../actor/caller.ts";
import { fail } from "../actor/result.ts";
import { endpoint, reply, unwrap } from "../http/endpoint.ts";
import type { App } from "../http/endpoint-spec.ts";
import { unknownIn } from "./batch-answer.ts";
import { BatchAnswer, BatchInput } from "./batch-contract.ts";
import { inboxOf } from "./inbox-api.ts";

export function batchRoutes(app: App): void {
  endpoint(
    app,
    {
      method: "post",
      path: "/approvals/batch",
      tag: "Approvals",
      summary: "Decide on many requests at once, all of them or none",
      description:
        "Each item is judged as a single answer would be, and by whether its change is still what was shown (`DRIFTED`). " +
        "One that cannot be decided fails the whole batch, with `details.results` saying which and why. With " +
        "`continue_on_error` each is decided on its own. `skip_validation` (admins) leaves out the look at the change.",
      access: { roles: "any", scope: "approvals:write", fresh: true },
      body: BatchInput,
      answers: { 200: BatchAnswer },
      errors: ["BATCH_FAILED"],
    },
    async ({ env, caller, body, after, missed }) => {
      if (body.options.skip_validation && !hasRole(caller.who, "admin")) {
        unwrap(fail("FORBIDDEN", "only an admin may skip the validation"));
      }
      const { id } = caller.who;
      const result = await inboxOf(env, caller.workspace, id).decideBatch(`inbox:${id}`, caller, body);
      const counted = missed(unknownIn(result));
      // What was decided has to be told, however many ids were wrong.
      if (result.ok) after(Promise.allSettled([counted]));
      else await counted;
      return reply(result, 200);
    },
  );
}
