/** The floor worker on the same workerd, with its storage on disk, as Countersign is served. */
import { rmSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { convertV4MiniflareOptions, Miniflare } from "miniflare";
import { Connection } from "../connection.ts";
import { freePort, temporaryFolder } from "../process.ts";
import type { Contestant } from "./contestant.ts";

export interface Floor extends Contestant {
  /** One call: one durable write. */
  call(connection: Connection, key: string): Promise<void>;
  readonly url: string;
}

export async function startFloor(): Promise<Floor> {
  const folder = temporaryFolder("floor");
  const miniflare = new Miniflare(
    convertV4MiniflareOptions({
      name: "floor",
      modules: true,
      scriptPath: fileURLToPath(new URL("floor-worker.mjs", import.meta.url)),
      compatibilityDate: "2026-08-15",
      durableObjects: { FLOOR: { className: "Floor", useSQLite: true } },
      resourcePersistencePath: folder,
      port: 0,
      cf: false,
      logRequests: false,
      unsafeDirectSockets: [{ host: "127.0.0.1", port: await freePort() }],
    }),
  );
  const url = (await miniflare.unsafeGetDirectURL()).origin;
  const call = async (connection: Connection, key: string) => {
    await connection.expect(200, "POST", "/", { key });
  };
  return {
    name: "floor",
    settings: "bare Durable Object, one durable write a call",
    url,
    call,
    client: async () => {
      const connection = new Connection(url);
      return {
        pair: async (key) => {
          await call(connection, key);
          await call(connection, key);
        },
        close: async () => connection.close(),
      };
    },
    stop: async () => {
      await miniflare.dispose();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
