import { parseId } from "../actor/ids.ts";

/** The number that the id of a lease or claim carries within its lock's actor; 0, which is none, for what is no id. */
export function memberOf(lockId: string): number {
  return parseId(lockId)?.member ?? 0;
}
