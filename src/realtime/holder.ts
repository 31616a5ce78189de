/**
 * Who holds a socket, a ticket or a stream, and what becomes of them while they hold it: tokens are revoked, people leave, roles
 * change (05-realtime-and-audit, "WebSocket"). Pure.
 */
import type { ConfigurationChange } from "../db/configuration.ts";
import type { Principal } from "../http/access.ts";
import { type PrincipalRef, principalRef, samePrincipal } from "../users/principal-ref.ts";

export interface Holder extends PrincipalRef {
  readonly roles: readonly string[];
  /** null: everything that the roles allow */
  readonly scopes: readonly string[] | null;
  /** absent: the bootstrap admin, or one whom an identity provider vouches for */
  readonly token_id?: string;
  /** when the token ends, in ms */
  readonly expires_at?: number;
}

export function holderOf({ who, scopes, expires_at }: Principal): Holder {
  const { roles, token_id } = who;
  return {
    ...principalRef(who),
    roles,
    scopes,
    ...(token_id !== undefined && { token_id }),
    ...(expires_at !== undefined && { expires_at }),
  };
}

/** The principal that a holder is to a route. */
export function principalOf(workspace: string, { kind, id, roles, scopes, token_id, expires_at }: Holder): Principal {
  const who = { id, kind, roles, ...(token_id !== undefined && { token_id }) };
  const principal = { workspace, who, name: id, scopes, root: id === "root" };
  return expires_at === undefined ? principal : { ...principal, expires_at };
}

/** How things stand with a principal; `scopes` is what all tokens of an agent are narrowed to. */
export interface Standing {
  readonly active: boolean;
  readonly roles: readonly string[];
  readonly scopes: readonly string[] | null;
}

/** What the ledger tells hubs: a token is revoked, or how things stand with somebody from now on. */
export type HubNotice =
  | { readonly do: "token.revoked"; readonly token_id: string }
  | { readonly do: "stands"; readonly principal: PrincipalRef; readonly standing: Standing };

/** What hubs have to be told about a change of configuration. */
export function noticesOf(changes: readonly ConfigurationChange[]): HubNotice[] {
  return changes.flatMap((change): HubNotice[] => {
    if ("put" in change) {
      if (change.put === "users") return [stands("user", change.row.id, { ...change.row, scopes: null })];
      if (change.put !== "agents") return [];
      const { row } = change;
      return [stands("agent", row.id, { ...row, scopes: row.scopes.length === 0 ? null : row.scopes })];
    }
    if (change.remove === "agents") return [stands("agent", change.id, { active: false, roles: [], scopes: null })];
    // All tokens of a principal go only together with the principal.
    return change.remove === "tokens" && "token_id" in change
      ? [{ do: "token.revoked", token_id: change.token_id }]
      : [];
  });
}

function stands(kind: PrincipalRef["kind"], id: string, { active, roles, scopes }: Standing): HubNotice {
  return { do: "stands", principal: { kind, id }, standing: { active, roles, scopes } };
}

/** The holder as a notice leaves them; null if they hold nothing any more. Scopes only ever shrink: more takes a new socket. */
export function noticed(holder: Holder, notice: HubNotice): Holder | null {
  if (notice.do === "token.revoked") return holder.token_id === notice.token_id ? null : holder;
  if (!samePrincipal(holder, notice.principal)) return holder;
  const { active, roles, scopes } = notice.standing;
  return active ? { ...holder, roles, scopes: both(holder.scopes, scopes) } : null;
}

function both(own: Holder["scopes"], all: Holder["scopes"]): Holder["scopes"] {
  if (own === null || all === null) return own ?? all;
  return own.filter((scope) => all.includes(scope));
}
