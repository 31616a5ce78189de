/** Who may call a route: roles and token scopes (02-http-and-auth, "Roles and permissions"). Pure. */
import type { Who } from "../actor/caller.ts";
import { fail, ok, type Result } from "../actor/result.ts";

export const SCOPES = [
  "tasks:read",
  "tasks:write",
  "approvals:read",
  "approvals:write",
  "locks:read",
  "locks:write",
  "agents:read",
  "agents:write",
  "audit:read",
  "admin",
] as const;
export type Scope = (typeof SCOPES)[number];

export type ReservedRole = "author" | "reviewer" | "admin" | "system";

export interface Principal {
  readonly workspace: string;
  readonly who: Who;
  readonly name: string;
  /** null: everything that the roles allow */
  readonly scopes: readonly string[] | null;
  readonly root: boolean;
  /** The one task that this principal may work on: it came with a task's token. */
  readonly task_id?: string;
  /** When what the identity provider said of them is over, in ms. */
  readonly expires_at?: number;
}

export interface Access {
  /** Any of these roles; "any": every authenticated principal. */
  readonly roles: "any" | readonly ReservedRole[];
  /** A token narrowed by scopes must hold this one, or one of these; undefined: any token does. */
  readonly scope?: Scope | readonly Scope[];
  /** The token that a task's executor was given opens this route too, for that task. */
  readonly taskToken?: boolean;
  /** Decides or configures: the principal is read anew from D1 instead of the isolate's cache. */
  readonly fresh?: boolean;
  /** Keeps leases alive: a principal known for less than 15 minutes is good enough while D1 fails. */
  readonly survivesOutage?: boolean;
  /** Read from actors alone: while D1 fails, the configuration journal says who somebody is whom D1 told of before. */
  readonly needsNoDatabase?: boolean;
}

/** What only admins may and what decides or configures: D1 confirms anew at every call that they are. */
export const ADMIN: Access = { roles: ["admin"], scope: "admin", fresh: true };

/** Errors: `FORBIDDEN`, for the scope that the token lacks before the role that its holder does. */
export function mayCall(principal: Principal, access: Access): Result<null> {
  const { roles } = principal.who;
  const { scopes } = principal;
  if (access.scope !== undefined && scopes !== null) {
    const wanted = [access.scope].flat();
    const scope = wanted.join(" or ");
    if (!wanted.some((one) => scopes.includes(one))) {
      return fail("FORBIDDEN", `this token lacks the scope ${scope}`, { scope });
    }
  }
  if (access.roles !== "any" && !access.roles.some((role) => roles.includes(role))) {
    return fail("FORBIDDEN", `this needs the role ${access.roles.join(" or ")}`, { needs_any_of: access.roles });
  }
  return ok(null);
}
