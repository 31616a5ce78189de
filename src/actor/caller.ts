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

/** The caller without their Idempotency-Key: it is for the request itself, not for what the request leads to. */
export function withoutKey({ idempotency: _, ...caller }: Caller): Caller {
  return caller;
}

/** The caller with a key of its own for one part of the request, so that a retry of the whole replays each part. */
export function withOwnKey(caller: Caller, part: string | number): Caller {
  const { idempotency } = caller;
  if (idempotency === undefined) return caller;
  return { ...caller, idempotency: { ...idempotency, scope: `${idempotency.scope}:${part}` } };
}

/** Who the trail names for what nobody in particular did. */
export const SYSTEM: Who = { id: "system", kind: "system", roles: ["system"] };

/** The caller of what an actor does by itself: timers, sagas, effects. */
export function systemCaller(workspace: string, service: string, request_id: string): Caller {
  return {
    workspace,
    who: SYSTEM,
    name: "system",
    where: { service },
    request_id,
  };
}

export function hasRole(who: Who, role: string): boolean {
  return who.roles.includes(role);
}
