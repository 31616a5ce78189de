/** The floor: a bare Durable Object that does one durable write per call, and nothing else. */
import { DurableObject } from "cloudflare:workers";

export class Floor extends DurableObject {
  #n = 0;

  constructor(ctx, env) {
    super(ctx, env);
    ctx.storage.sql.exec("CREATE TABLE IF NOT EXISTS calls (id INTEGER PRIMARY KEY, n INTEGER NOT NULL)");
  }

  async write() {
    this.#n += 1;
    this.ctx.storage.sql.exec("INSERT OR REPLACE INTO calls VALUES (0, ?)", this.#n);
    return this.#n;
  }
}

export default {
  async fetch(request, env) {
    const { key } = await request.json();
    return Response.json({ n: await env.FLOOR.get(env.FLOOR.idFromName(key)).write() });
  },
};
