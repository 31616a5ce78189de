/** Who comes with a link: its reviewer, as they are now. The rules then decide as for any other answer. */
import type { Caller, Where } from "../actor/caller.ts";
import type { Env } from "../env.ts";
import type { Principal } from "../http/access.ts";
import { causeOf, log } from "../log.ts";
import { findUser } from "../users/stored-user.ts";
import { type LinkToken, readLinkToken } from "./link-token.ts";

/** Why a link opens nothing. */
export type LinkFailure = "forged" | "expired" | "left" | "unavailable";

export interface Visit {
  readonly link: LinkToken;
  readonly caller: Caller;
  readonly principal: Principal;
}

/** Roles and standing are read from D1 at every visit; `now` in ms. */
export async function visitOf(
  env: Env,
  token: string,
  from: { readonly where: Where; readonly request_id: string },
  now: number,
): Promise<Visit | LinkFailure> {
  if (env.ROOT_TOKEN === undefined) return "unavailable";
  const link = readLinkToken(env.ROOT_TOKEN, token);
  if (link === null) return "forged";
  if (link.expires_at * 1000 <= now) return "expired";
  const { workspace, reviewer_id, token_id } = link;
  try {
    const user = await findUser(env.DB, workspace, reviewer_id);
    if (user === null || !user.active) return "left";
    const who = { id: user.id, kind: "user", roles: user.roles, token_id } as const;
    const principal = { workspace, who, name: user.name, scopes: null, root: false };
    return { link, principal, caller: { workspace, who, name: user.name, ...from } };
  } catch (thrown) {
    log("error", "link.reviewer_unreadable", { cause: causeOf(thrown) });
    return "unavailable";
  }
}
