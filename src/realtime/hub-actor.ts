/**
 * A hub: the WebSockets of the principals that hash to it, their subscriptions and their tickets (docs/design/realtime.md).
 * Sockets hibernate; whatever has to outlive that is on disk.
 */
import { Actor } from "../actor/actor.ts";
import type { Caller } from "../actor/caller.ts";
import { type Commit, housekeeper } from "../actor/commit.ts";
import { STATUS_OF } from "../actor/error-codes.ts";
import { nextLife } from "../actor/lives.ts";
import type { ActorKey } from "../actor/remote.ts";
import { type Failure, fail, ok, type Result } from "../actor/result.ts";
import { ledgerOf } from "../audit/ledger-api.ts";
import type { Env } from "../env.ts";
import { Attendance } from "./attendance.ts";
import { RENEWAL_MS } from "./channel-api.ts";
import { CHANNEL_TABLES, ChannelStore } from "./channel-store.ts";
import type { Event } from "./contract.ts";
import { Conversation } from "./conversation.ts";
import { Forwarding } from "./forwarding.ts";
import { Gate } from "./gate.ts";
import type { Holder, HubNotice } from "./holder.ts";
import { HOLDER_TABLES, HolderStore } from "./holder-store.ts";
import { type HubDoor, readUpgrade } from "./hub-api.ts";
import { Lanes } from "./lanes.ts";
import { publishersFor } from "./publishers.ts";
import { Sockets } from "./sockets.ts";
import { TICKET_MS } from "./ticket.ts";

const RENEWAL_TIMER = "renewal";
const CATCH_UP_TIMER = "catch-up";
const EXPIRY_TIMER = "expiry";
/** A renewal that failed has two minutes before the publisher forgets us. */
const RENEWAL_RETRY_MS = 20_000;
/** What a failed call or a crash left open is taken up again after this. */
const CATCH_UP_MS = 5_000;
/** The platform takes 32,768 in one object. */
const MAX_SOCKETS = 32_000;

export class HubActor extends Actor implements HubDoor {
  readonly #holders: HolderStore;
  readonly #channels: ChannelStore;
  readonly #sockets: Sockets;
  readonly #attendance: Attendance;
  readonly #forwarding: Forwarding;
  readonly #conversation: Conversation;
  readonly #gate: Gate;
  /** What each socket says is dealt with in order. */
  readonly #turns = new Lanes<number>();
  /** Once this life has called a publisher. */
  #life: number | undefined;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    const { workspace } = this.place;
    const holders = new HolderStore(ctx.storage.sql);
    const channels = new ChannelStore(ctx.storage.sql);
    const sockets = new Sockets(ctx);
    const commit = <T>(work: (tx: Commit) => T) => this.#housekeep(work);
    const attendance = new Attendance({ sockets, holders, channels, commit, forwarding: () => this.#forwarding });
    const send = (socket: number, text: string) => attendance.send(socket, text);
    this.#holders = holders;
    this.#channels = channels;
    this.#sockets = sockets;
    this.#attendance = attendance;
    this.#forwarding = new Forwarding({
      store: channels,
      persist: (write, unfinished) => this.#persist(write, unfinished),
      publishers: publishersFor(env, workspace, { key: () => this.key, life: () => this.#whichLife() }),
      send,
      later: (work) => ctx.waitUntil(work),
    });
    this.#conversation = new Conversation({
      db: env.DB,
      workspace,
      holders,
      channels,
      forwarding: this.#forwarding,
      attendance,
      commit,
    });
    this.#gate = new Gate({ db: env.DB, workspace, holders, enrolled: () => this.#enrolled() });
    ctx.setWebSocketAutoResponse(new WebSocketRequestResponsePair("ping", "pong"));
    if (this.exists) attendance.forgetLost();
  }

  // --- tickets and sockets

  async issue(
    caller: Caller,
    key: ActorKey,
    hash: string,
    holder: Holder,
  ): Promise<Result<{ readonly expires_at: number }>> {
    if (!this.identify(key)) return mistaken();
    const replay = this.replayed<{ readonly expires_at: number }>(caller);
    if (replay !== undefined) return replay;
    const present = await this.#gate.present(holder);
    if (!present.ok) return present;
    const now = Date.now();
    const answer = { expires_at: now + TICKET_MS };
    this.commit(caller, (tx) => {
      this.#holders.addTicket(hash, present.value, answer.expires_at, now);
      tx.remember(answer);
    });
    return ok(answer);
  }

  async ticketHolder(key: ActorKey, hash: string, take: boolean): Promise<Result<Holder>> {
    if (!this.identify(key) || !this.exists) return mistaken();
    const holder = this.#gate.ticketHolder(hash);
    if (holder.ok && take) this.#housekeep(() => this.#holders.removeTicket(hash));
    return holder;
  }

  async openSockets(key: ActorKey): Promise<number> {
    return this.identify(key) ? this.#sockets.size : 0;
  }

  override async fetch(request: Request): Promise<Response> {
    const { key, entry } = readUpgrade(request);
    if (!this.identify(key)) return refusal(mistaken().error);
    const entitled = "ticket" in entry ? this.#gate.ticketHolder(entry.ticket) : await this.#gate.present(entry.holder);
    if (!entitled.ok) return refusal(entitled.error);
    if (this.#sockets.size >= MAX_SOCKETS) {
      return refusal(fail("UNAVAILABLE", "too many sockets here, try again", { retry_after_seconds: 5 }).error);
    }
    const holder = entitled.value;
    const id = this.#housekeep((tx) => {
      if ("ticket" in entry) this.#holders.removeTicket(entry.ticket);
      if (holder.expires_at !== undefined) tx.timerBy(EXPIRY_TIMER, holder.expires_at);
      return this.#holders.addSocket(holder);
    });
    return this.#sockets.accept(id);
  }

  override async webSocketMessage(socket: WebSocket, raw: string | ArrayBuffer): Promise<void> {
    const id = this.#sockets.idOf(socket);
    await this.#turns.run(id, () => this.#conversation.hear(id, raw));
  }

  override async webSocketClose(socket: WebSocket, code: number, reason: string): Promise<void> {
    this.#attendance.drop(this.#sockets.idOf(socket), code, reason);
  }

  override async webSocketError(socket: WebSocket): Promise<void> {
    this.#attendance.drop(this.#sockets.idOf(socket), 1011, "broken");
  }

  // --- events

  async push(key: ActorKey, channel: string, events: readonly Event[]): Promise<void> {
    if (this.identify(key) && this.exists) this.#forwarding.push(channel, events);
  }

  // --- kit

  protected override get migrations(): readonly string[] {
    return [CHANNEL_TABLES + HOLDER_TABLES];
  }

  protected override receive(tx: Commit, _caller: Caller, source: ActorKey, body: unknown): void {
    if (source !== "config") throw new Error(`a hub takes no effects of ${source}`);
    const notice = body as HubNotice;
    this.#holders.note(notice, tx.now);
    tx.afterwards(() => this.#attendance.enforce(notice));
  }

  protected override onTimer(name: string, now: number): void {
    switch (name) {
      case RENEWAL_TIMER:
        this.#housekeep((tx) => tx.timer(name, this.#forwarding.idle ? undefined : now + RENEWAL_MS));
        this.ctx.waitUntil(this.#renew());
        return;
      case CATCH_UP_TIMER: {
        const lagging = this.#channels.lagging();
        this.#housekeep((tx) => tx.timer(name, lagging.length === 0 ? undefined : now + CATCH_UP_MS));
        this.#forwarding.catchUp(lagging);
        return;
      }
      case EXPIRY_TIMER:
        this.#attendance.expire(now);
        this.#housekeep((tx) => tx.timer(name, this.#holders.nextExpiry()));
        return;
      default:
        throw new Error(`a hub has no timer ${name}`);
    }
  }

  // --- internals

  async #renew(): Promise<void> {
    if (await this.#forwarding.renew()) return;
    this.#housekeep((tx) => tx.timerBy(RENEWAL_TIMER, tx.now + RENEWAL_RETRY_MS));
  }

  /** Whether the ledger tells this hub of every change, and D1 shows all that was before. */
  async #enrolled(): Promise<boolean> {
    if (this.exists && this.store.read<true>("enrolled") === true) return true;
    if (!(await ledgerOf(this.env, this.place.workspace).enrol(this.key))) return false;
    this.#housekeep((tx) => tx.store.write("enrolled", true));
    return true;
  }

  #whichLife(): number {
    const commit = (work: (tx: Commit) => void) => this.#housekeep(work);
    this.#life ??= nextLife({ store: this.store, commit, document: "life" });
    return this.#life;
  }

  #persist(write: () => void, unfinished: boolean): void {
    this.#housekeep((tx) => {
      write();
      tx.timerBy(RENEWAL_TIMER, tx.now + RENEWAL_MS);
      if (unfinished) tx.timerBy(CATCH_UP_TIMER, tx.now + CATCH_UP_MS);
    });
  }

  #housekeep<T>(work: (tx: Commit) => T): T {
    return this.commit(housekeeper(this.place.workspace), work);
  }
}

function mistaken() {
  return fail("UNAUTHENTICATED", "this ticket opens nothing here");
}

function refusal(failure: Failure): Response {
  return Response.json(failure, { status: STATUS_OF[failure.code] });
}
