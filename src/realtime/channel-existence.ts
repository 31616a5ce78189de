/** Whether a channel is about anything: found out before an actor is called for it, since a call alone would create one. */
import { fail, ok, type Result } from "../actor/result.ts";
import { holderOfId, samePrincipal } from "../users/principal-ref.ts";
import { type Channel, channelName } from "./channels.ts";
import type { Holder } from "./holder.ts";

/** USER_NOT_FOUND or AGENT_NOT_FOUND for a person that nobody knows; the task itself says whether it exists. Throws when D1 fails. */
export async function channelExists(
  db: D1Database,
  workspace: string,
  channel: Channel,
  holder: Holder,
): Promise<Result<null>> {
  if (channel.kind !== "user" && channel.kind !== "agent") return ok(null);
  const { kind, id } = channel;
  // Root, too, has an inbox, though it stands in no table.
  if (samePrincipal(holder, { kind, id }) || (await holderOfId(db, workspace, id)) === kind) return ok(null);
  return fail(kind === "user" ? "USER_NOT_FOUND" : "AGENT_NOT_FOUND", `there is no ${channelName(channel)}`);
}
