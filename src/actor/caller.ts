/** Who acts: the `who` of an audit row (05-realtime-and-audit). */
export interface Who {
  readonly id: string;
  readonly kind: "user" | "agent" | "system";
  readonly roles: readonly string[];
  readonly token_id?: string;
  readonly session_id?: string;
  readonly on_behalf_of?: string;
}

/** From where: the `where` of an audit row. */
export interface Where {
  readonly ip?: string;
  readonly user_agent?: string;
  readonly colo?: string;
  readonly country?: string;
  readonly service: string;
}

/** An Idempotency-Key as an actor needs it: `scope` = SHA-256 of principal + route + key, `hash` = SHA-256 of the request body. */
export interface IdempotencyKey {
  readonly key: string;
  readonly scope: string;
  readonly hash: string;
}

/** Everything an actor is told about the request behind a command. Plain JSON, passed over RPC. */
export interface Caller {
  readonly workspace: string;
  readonly who: Who;
  readonly name: string;
  readonly where: Where;
  readonly request_id: string;
  readonly idempotency?: IdempotencyKey;
}

/** The caller of what an actor does by itself: timers, sagas, effects. */
export function systemCaller(workspace: string, service: string, request_id: string): Caller {
  return {
    workspace,
    who: { id: "system", kind: "system", roles: ["system"] },
    name: "system",
    where: { service },
    request_id,
  };
}

export function hasRole(who: Who, role: string): boolean {
  return who.roles.includes(role);
}
