/** Who may come in to a hub: on a token that D1 confirms, or on a ticket that the hub gave out (05, "WebSocket"). */
import { fail, ok, type Result } from "../actor/result.ts";
import { causeOf, log } from "../log.ts";
import type { Holder } from "./holder.ts";
import type { HolderStore } from "./holder-store.ts";
import { presentHolder } from "./present-holder.ts";

interface Ports {
  readonly db: D1Database;
  readonly workspace: string;
  readonly holders: Pick<HolderStore, "present" | "ticket">;
  /** Sees to it that the ledger tells this hub of every change; false while that is not certain. */
  readonly enrolled: () => Promise<boolean>;
}

export class Gate {
  readonly #ports: Ports;

  constructor(ports: Ports) {
    this.#ports = ports;
  }

  /** The holder as they are now. They are read after the ledger knows of the hub, so that no change falls in between. */
  async present(holder: Holder): Promise<Result<Holder>> {
    const { db, workspace, holders, enrolled } = this.#ports;
    try {
      if (!(await enrolled())) return unverified();
      const read = await presentHolder(db, workspace, holder, Date.now());
      const present = read && holders.present(read);
      return present === null ? fail("UNAUTHENTICATED", "this token is good for nothing any more") : ok(present);
    } catch (thrown) {
      log("error", "hub.holder_unreadable", { workspace, cause: causeOf(thrown) });
      return unverified();
    }
  }

  /** The holder of a ticket by its hash. */
  ticketHolder(hash: string): Result<Holder> {
    const holder = this.#ports.holders.ticket(hash, Date.now());
    const present = holder === undefined ? null : this.#ports.holders.present(holder);
    return present === null ? fail("UNAUTHENTICATED", "this ticket was used, or its time is over") : ok(present);
  }
}

function unverified() {
  return fail("UNAVAILABLE", "who you are cannot be verified now, try again", { retry_after_seconds: 2 });
}
