/** Channels by name (05-realtime-and-audit, "Channels"): what each is about, which actor publishes it, who may have it. Pure. */
import { isUuidShaped, parseId } from "../actor/ids.ts";
import type { ActorKey } from "../actor/remote.ts";
import { fail, invalid, ok, type Result } from "../actor/result.ts";
import type { Scope } from "../http/access.ts";
import { forbidden } from "../http/body.ts";
import { LockedId } from "../locks/contract.ts";
import { isPrincipalId } from "../users/principal-ref.ts";
import type { Holder } from "./holder.ts";

/** What a channel is about; `id` is a task's id, a user's, an agent's or what a lock on a resource names. */
export type Channel =
  | { readonly kind: "task" | "user" | "agent" | "resource"; readonly id: string }
  | { readonly kind: "locks" | "system" };

export function channelName(channel: Channel): string {
  return "id" in channel ? `${channel.kind}:${channel.id}` : channel.kind;
}

/** Reads a name; the id of a task is lowered. Undefined if there can be no such channel. */
export function parseChannel(name: string): Channel | undefined {
  if (name === "locks" || name === "system") return { kind: name };
  const colon = name.indexOf(":");
  const kind = name.slice(0, Math.max(colon, 0));
  const id = name.slice(colon + 1);
  switch (kind) {
    case "task": {
      const parsed = parseId(id);
      return parsed?.kind === "task" && parsed.member === 0 ? { kind, id: parsed.id } : undefined;
    }
    case "user":
    case "agent":
      return isPrincipalId(id) ? { kind, id } : undefined;
    case "resource":
      return isLockable(id) ? { kind, id } : undefined;
    default:
      return undefined;
  }
}

/** Whether a request can name it as a resource to lock, be it a resource key or not: then it can be watched, too. */
function isLockable(id: string): boolean {
  return LockedId.safeParse(id).success && forbidden(id, "", 0) === undefined;
}

/** As {@link parseChannel}, with the answer for a client that named none. */
export function channelNamed(name: string): Result<Channel> {
  const channel = parseChannel(name);
  if (channel !== undefined) return ok(channel);
  // As everywhere: a UUID that is none of ours names nothing, anything else is no id.
  if (name.startsWith("task:") && isUuidShaped(name.slice("task:".length))) {
    return fail("TASK_NOT_FOUND", "there is no such task");
  }
  const issue = "must be task:{id}, user:{id}, agent:{id}, resource:{resource key}, locks or system";
  return invalid({ field: "channel", issue });
}

/** The actor whose journal feeds the channel. */
export function publisherOf(channel: Channel): ActorKey {
  switch (channel.kind) {
    case "user":
      return `inbox:${channel.id}`;
    case "task":
    case "agent":
    case "resource":
      return channelName(channel);
    case "locks":
    case "system":
      return "config";
  }
}

const SCOPE_OF: Readonly<Record<Channel["kind"], Scope>> = {
  task: "tasks:read",
  user: "approvals:read",
  agent: "agents:read",
  resource: "locks:read",
  locks: "locks:read",
  system: "admin",
};

/** Whether someone may have a channel: by who they are, and by what their token was narrowed to. */
export function mayHave(channel: Channel, holder: Holder): Result<null> {
  const scope = SCOPE_OF[channel.kind];
  if (holder.scopes !== null && !holder.scopes.includes(scope)) {
    return fail("FORBIDDEN", `this token lacks the scope ${scope}`, { scope });
  }
  return isFor(channel, holder) ? ok(null) : fail("FORBIDDEN", `${channelName(channel)} is not for you`);
}

function isFor(channel: Channel, { kind, id, roles }: Holder): boolean {
  const admin = roles.includes("admin");
  switch (channel.kind) {
    case "task":
    case "resource":
      return true;
    case "user":
    case "agent":
      return admin || (kind === channel.kind && id === channel.id);
    case "locks":
      return admin || kind === "agent";
    case "system":
      return admin;
  }
}
