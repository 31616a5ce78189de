/** The open sockets of a hub by id. The platform keeps them through hibernation; the id is all that is attached to one. */

/** 1005, 1006 and 1015 only tell how a socket ended: nobody may send them. */
const RESERVED: ReadonlySet<number> = new Set([1005, 1006, 1015]);

export class Sockets {
  readonly #ctx: DurableObjectState;
  readonly #open = new Map<number, WebSocket>();

  constructor(ctx: DurableObjectState) {
    this.#ctx = ctx;
    for (const socket of ctx.getWebSockets()) this.#open.set(this.idOf(socket), socket);
  }

  get size(): number {
    return this.#open.size;
  }

  has(id: number): boolean {
    return this.#open.has(id);
  }

  idOf(socket: WebSocket): number {
    return socket.deserializeAttachment() as number;
  }

  /** The answer to an upgrade, with the client's end. */
  accept(id: number): Response {
    const { 0: client, 1: server } = new WebSocketPair();
    this.#ctx.acceptWebSocket(server);
    server.serializeAttachment(id);
    this.#open.set(id, server);
    return new Response(null, { status: 101, webSocket: client });
  }

  /** False if the socket is gone. Never waits: the platform buffers for slow clients. */
  send(id: number, text: string): boolean {
    try {
      this.#open.get(id)?.send(text);
      return true;
    } catch {
      return false;
    }
  }

  close(id: number, code: number, reason: string): void {
    const socket = this.#open.get(id);
    this.#open.delete(id);
    if (socket !== undefined) closeQuietly(socket, code, reason);
  }
}

/** Closes a socket that may be closed already, with a code that may only be received. */
function closeQuietly(socket: WebSocket, code: number, reason: string): void {
  try {
    if (RESERVED.has(code)) socket.close();
    else socket.close(code, reason);
  } catch {
    // It is closed: that is what was wanted.
  }
}
