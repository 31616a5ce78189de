/** What a hub answers to its sockets (05-realtime-and-audit, "WebSocket"). */
import { type Failure, fail, type Result } from "../actor/result.ts";
import { causeOf, log } from "../log.ts";
import { admission } from "./admission.ts";
import type { Attendance } from "./attendance.ts";
import { channelExists } from "./channel-existence.ts";
import type { ChannelStore } from "./channel-store.ts";
import { channelName, channelNamed } from "./channels.ts";
import type { Forwarding } from "./forwarding.ts";
import type { Holder } from "./holder.ts";
import type { HeldSocket, HolderStore } from "./holder-store.ts";
import { errorMessage, readMessage, subscribedMessage, unsubscribedMessage } from "./messages.ts";

interface Ports {
  readonly db: D1Database;
  readonly workspace: string;
  readonly holders: Pick<HolderStore, "socket" | "strike">;
  readonly channels: Pick<ChannelStore, "of" | "load">;
  readonly forwarding: Forwarding;
  readonly attendance: Pick<Attendance, "send" | "drop">;
  readonly commit: <T>(write: () => T) => T;
}

const POLICY_VIOLATION = 1008;
const TOO_BIG = 1009;
/** That many malformed messages close a socket. */
const STRIKES = 3;

export class Conversation {
  readonly #ports: Ports;

  constructor(ports: Ports) {
    this.#ports = ports;
  }

  /** One message of a socket, dealt with to its end. */
  async hear(id: number, raw: string | ArrayBuffer): Promise<void> {
    const socket = this.#ports.holders.socket(id);
    // It was dropped while it spoke.
    if (socket === undefined) return;
    const read = readMessage(raw);
    if (!read.ok) return this.#refuse(id, read.error);
    const message = read.value;
    if (message.action === "subscribe") return this.#subscribe(socket, message.channels, message.since);
    this.#unsubscribe(socket, message.channels);
  }

  #refuse(id: number, failure: Failure): void {
    const { attendance, holders, commit } = this.#ports;
    if (failure.code === "PAYLOAD_TOO_LARGE") {
      attendance.drop(id, TOO_BIG, failure.message);
      return;
    }
    attendance.send(id, errorMessage(failure));
    const strikes = commit(() => holders.strike(id));
    if (strikes >= STRIKES) attendance.drop(id, POLICY_VIOLATION, "too many malformed messages");
  }

  async #subscribe(
    { id, holder }: HeldSocket,
    names: readonly string[],
    since?: Record<string, number>,
  ): Promise<void> {
    const { wanted, refused } = admission(holder, new Set(this.#ports.channels.of(id)), names, since);
    const opened = await Promise.all(
      [...wanted.keys()].map(async (name) => ({ name, result: await this.#open(name, holder) })),
    );
    const open = opened.filter(({ result }) => result.ok).map(({ name }) => name);
    const now = this.#ports.holders.socket(id);
    if (now === undefined) {
      for (const name of open) this.#ports.forwarding.release(name);
      return;
    }
    // Rights may have shrunk while publishers were asked.
    const still = admission(now.holder, new Set(), open, since);
    for (const name of still.refused.keys()) this.#ports.forwarding.release(name);
    const joining = new Map([...wanted].filter(([name]) => still.wanted.has(name)));
    const heads = this.#ports.forwarding.join(id, joining);
    if (Object.keys(heads).length > 0) this.#send(id, subscribedMessage(heads));
    for (const [name, failure] of [...refused, ...still.refused]) this.#send(id, errorMessage(failure, name));
    for (const { name, result } of opened) if (!result.ok) this.#send(id, errorMessage(result.error, name));
    for (const name of joining.keys()) {
      if (!Object.hasOwn(heads, name)) this.#send(id, errorMessage(silent().error, name));
    }
    this.#ports.forwarding.catchUp(joining.keys());
  }

  /** Channels that it never had are answered like those that it had: it does not have them now. */
  #unsubscribe({ id }: HeldSocket, names: readonly string[]): void {
    const left = new Set<string>();
    for (const text of new Set(names)) {
      const channel = channelNamed(text);
      if (channel.ok) left.add(channelName(channel.value));
      else this.#send(id, errorMessage(channel.error, text));
    }
    this.#ports.forwarding.leave(id, [...left]);
    this.#send(id, unsubscribedMessage([...left]));
  }

  #send(id: number, text: string): void {
    this.#ports.attendance.send(id, text);
  }

  /** Sees to it that a channel is followed; any failure is the client's to hear. */
  async #open(name: string, holder: Holder): Promise<Result<null>> {
    try {
      const channel = channelNamed(name);
      if (!channel.ok) return channel;
      // What is followed was found to exist before.
      if (this.#ports.channels.load(name) === undefined) {
        const exists = await channelExists(this.#ports.db, this.#ports.workspace, channel.value, holder);
        if (!exists.ok) return exists;
      }
      return await this.#ports.forwarding.open(name);
    } catch (thrown) {
      log("warn", "channel.unreachable", { channel: name, cause: causeOf(thrown) });
      return silent();
    }
  }
}

function silent() {
  return fail("UNAVAILABLE", "the channel does not answer now, try again");
}
