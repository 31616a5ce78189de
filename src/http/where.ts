/** From where a request comes: the `where` of the audit rows that it leads to (05-realtime-and-audit). */
import type { Where } from "../actor/caller.ts";

/** No address is longer; behind no edge a client may send what it likes. */
const MAX_IP = 45;
const MAX_USER_AGENT = 256;

export function whereOf({ headers, cf }: Request, service: string): Where {
  const ip = headers.get("CF-Connecting-IP")?.slice(0, MAX_IP).toWellFormed();
  const userAgent = headers.get("User-Agent")?.slice(0, MAX_USER_AGENT).toWellFormed();
  return {
    service,
    ...(ip !== undefined && { ip }),
    ...(userAgent !== undefined && { user_agent: userAgent }),
    ...(typeof cf?.colo === "string" && { colo: cf.colo }),
    ...(typeof cf?.country === "string" && { country: cf.country }),
  };
}
