/** From where a request comes: the `where` of the audit rows that it leads to (05-realtime-and-audit). */
import type { Where } from "../actor/caller.ts";

/** No address is longer; behind no edge a client may send what it likes. */
const MAX_IP = 45;
const MAX_USER_AGENT = 256;
/** Behind no edge nobody tells the client's address, and a client need not name itself: the fields are there all the same. */
const UNKNOWN = "unknown";

/** `service` says which door it came by: `api`, or `link`. */
export function whereOf({ headers, cf }: Request, service: string): Where {
  return {
    service,
    ip: bounded(headers.get("CF-Connecting-IP"), MAX_IP),
    user_agent: bounded(headers.get("User-Agent"), MAX_USER_AGENT),
    ...(typeof cf?.colo === "string" && { colo: cf.colo }),
    ...(typeof cf?.country === "string" && { country: cf.country }),
  };
}

function bounded(header: string | null, length: number): string {
  return header === null ? UNKNOWN : header.slice(0, length).toWellFormed();
}
