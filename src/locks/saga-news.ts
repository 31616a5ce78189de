import type { Lease } from "./contract.ts";

/** What a lock tells the task whose saga waits for it or holds it. */
export type SagaNews =
  | { readonly do: "lease.granted"; readonly lease: Lease; readonly session_id: string }
  | { readonly do: "lease.lost"; readonly lock_id: string; readonly session_id: string; readonly reason: string };
