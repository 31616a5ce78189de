import type { DelegationPolicy } from "./delegation-contract.ts";

/** A delegation of everything, for tests. */
export function delegation(
  owner_id: string,
  delegate_to: string,
  given: Partial<DelegationPolicy> = {},
): DelegationPolicy {
  return {
    id: `${owner_id}-to-${delegate_to}`,
    owner_id,
    mode: "reassign",
    conditions: {},
    delegate_to,
    cascade: true,
    active: true,
    created_at: "2026-11-20T00:00:00.000Z",
    updated_at: "2026-11-20T00:00:00.000Z",
    ...given,
  };
}
