/** etcd: its own lock service (v3lock) through its JSON gateway, one lease a client, as its clients use it. */
import { Connection } from "../connection.ts";
import { freePort, installed, start, temporaryFolder } from "../process.ts";
import type { Absent, Contestant } from "./contestant.ts";

const base64 = (text: string) => Buffer.from(text).toString("base64");

export async function startEtcd(): Promise<Contestant | Absent> {
  const name = "etcd";
  const program = installed("etcd");
  if (program === undefined) return { name, absent: "apt-get install etcd-server" };
  const folder = temporaryFolder(name);
  const url = `http://127.0.0.1:${await freePort()}`;
  const peer = `http://127.0.0.1:${await freePort()}`;
  const urls = ["client", "advertise-client"].flatMap((kind) => [
    kind === "client" ? "--listen-client-urls" : "--advertise-client-urls",
    url,
  ]);
  const running = await start(
    [program, "--data-dir", `${folder}/data`, ...urls, "--listen-peer-urls", peer, "--log-level", "error"],
    { folder, env: { ETCD_UNSUPPORTED_ARCH: "" } },
    async () => {
      if (!(await fetch(`${url}/health`)).ok) throw new Error("not healthy");
    },
  );
  return {
    name,
    settings: "3.4, one member, v3lock over its JSON gateway, fsync on (default)",
    client: async () => {
      const connection = new Connection(url);
      const { ID } = await connection.expect<{ ID: string }>(200, "POST", "/v3/lease/grant", { TTL: 600 });
      return {
        pair: async (lock) => {
          const held = await connection.expect<{ key: string }>(200, "POST", "/v3/lock/lock", {
            name: base64(lock),
            lease: ID,
          });
          await connection.expect(200, "POST", "/v3/lock/unlock", { key: held.key });
        },
        close: async () => connection.close(),
      };
    },
    stop: running.stop,
  };
}
