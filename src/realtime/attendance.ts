/** Who is there: the sockets of a hub, their holders, and what ends or narrows them (05-realtime-and-audit, "WebSocket"). */
import type { ChannelStore } from "./channel-store.ts";
import { channelNamed, mayHave } from "./channels.ts";
import type { Forwarding } from "./forwarding.ts";
import { type Holder, type HubNotice, noticed } from "./holder.ts";
import type { HolderStore } from "./holder-store.ts";
import { errorMessage, unsubscribedMessage } from "./messages.ts";
import type { Sockets } from "./sockets.ts";

const BROKEN = 1011;
const TOKEN_DEAD = 4401;

interface Ports {
  readonly sockets: Sockets;
  readonly holders: HolderStore;
  readonly channels: ChannelStore;
  readonly forwarding: () => Forwarding;
  readonly commit: (write: () => void) => void;
}

export class Attendance {
  readonly #ports: Ports;

  constructor(ports: Ports) {
    this.#ports = ports;
  }

  /** A socket that takes nothing any more is forgotten. */
  send(id: number, text: string): void {
    if (!this.#ports.sockets.send(id, text)) this.drop(id, BROKEN, "broken");
  }

  /** Ends a socket, if it has not ended yet, and forgets it. */
  drop(id: number, code: number, reason: string): void {
    const { sockets, holders, channels, forwarding } = this.#ports;
    sockets.close(id, code, reason);
    if (holders.socket(id) === undefined) return;
    forwarding().leave(id, channels.of(id), () => holders.removeSocket(id));
  }

  /** What the ledger said of somebody, to their sockets. */
  enforce(notice: HubNotice): void {
    for (const { id, holder } of this.#ports.holders.sockets()) {
      const then = noticed(holder, notice);
      if (then === null) this.drop(id, TOKEN_DEAD, "the token was revoked");
      else if (then !== holder) this.#narrow(id, then);
    }
  }

  /** Ends the sockets whose token is over (`now` in ms). */
  expire(now: number): void {
    for (const id of this.#ports.holders.expired(now)) this.drop(id, TOKEN_DEAD, "the token has expired");
  }

  /** Forgets what died with the process. Channels that nobody hears any more are given up with the next renewal. */
  forgetLost(): void {
    const { sockets, holders, channels, commit } = this.#ports;
    const lost = holders.sockets().filter(({ id }) => !sockets.has(id));
    if (lost.length === 0) return;
    commit(() => {
      for (const { id } of lost) {
        holders.removeSocket(id);
        for (const name of channels.of(id)) channels.removeMember(name, id);
      }
    });
  }

  #narrow(id: number, holder: Holder): void {
    const { holders, channels, forwarding } = this.#ports;
    const refused = channels.of(id).flatMap((name) => {
      const channel = channelNamed(name);
      const may = channel.ok ? mayHave(channel.value, holder) : channel;
      return may.ok ? [] : [{ name, error: may.error }];
    });
    const names = refused.map(({ name }) => name);
    forwarding().leave(id, names, () => holders.setHolder(id, holder));
    for (const { name, error } of refused) this.send(id, errorMessage(error, name));
    if (names.length > 0) this.send(id, unsubscribedMessage(names));
  }
}
