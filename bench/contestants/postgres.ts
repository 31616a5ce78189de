/** PostgreSQL: one row a lease with holder, expiry and a rising token, as teams build locks on the database that they have. */

import { execFileSync } from "node:child_process";
import { chownSync } from "node:fs";
import { Client } from "pg";
import { freePort, installed, start, temporaryFolder } from "../process.ts";
import type { Absent, Contestant } from "./contestant.ts";

const ACQUIRE = `INSERT INTO leases (key, holder, token, expires_at) VALUES ($1, $2, 1, now() + interval '30 s')
  ON CONFLICT (key) DO UPDATE SET holder = $2, token = leases.token + 1, expires_at = now() + interval '30 s'
  WHERE leases.holder IS NULL OR leases.expires_at < now() RETURNING token`;
const RELEASE = "UPDATE leases SET holder = NULL WHERE key = $1 AND token = $2";

export async function startPostgres(): Promise<Contestant | Absent> {
  const name = "postgresql";
  const [program, initdb] = [installed("postgres"), installed("initdb")];
  if (program === undefined || initdb === undefined) return { name, absent: "apt-get install postgresql" };
  const folder = temporaryFolder(name);
  const data = `${folder}/data`;
  // It refuses to run as root.
  const uid = process.getuid?.() === 0 ? nobody() : undefined;
  if (uid !== undefined) chownSync(folder, uid, uid);
  const as = uid === undefined ? {} : { uid, gid: uid };
  execFileSync(initdb, ["-D", data, "-U", "bench", "-A", "trust", "--no-instructions"], {
    ...as,
    stdio: "pipe",
    cwd: folder,
  });
  const port = await freePort();
  const settings = [
    "fsync=on",
    "synchronous_commit=on",
    `port=${port}`,
    "listen_addresses=127.0.0.1",
    "unix_socket_directories=",
    "max_connections=200",
  ];
  const connect = async () => {
    const client = new Client({ host: "127.0.0.1", port, user: "bench", database: "postgres" });
    // Without a listener a server that stops would end the benchmark.
    client.on("error", () => undefined);
    await client.connect();
    return client;
  };
  const running = await start(
    [program, "-D", data, ...settings.flatMap((setting) => ["-c", setting])],
    { folder, ...(uid !== undefined && { uid }) },
    async () => (await connect()).end(),
  );
  const admin = await connect();
  await admin.query(
    "CREATE TABLE leases (key text PRIMARY KEY, holder text, token bigint NOT NULL, expires_at timestamptz NOT NULL)",
  );
  await admin.end();
  return {
    name,
    settings: "15, fsync=on, synchronous_commit=on, one row a lease, prepared statements",
    client: async (n) => {
      const client = await connect();
      return {
        pair: async (key) => {
          const { rows } = await client.query<{ token: string }>({
            name: "acquire",
            text: ACQUIRE,
            values: [key, `client-${n}`],
          });
          const token = rows[0]?.token;
          if (token === undefined) throw new Error(`${key} was not free`);
          await client.query({ name: "release", text: RELEASE, values: [key, token] });
        },
        close: () => client.end(),
      };
    },
    stop: running.stop,
  };
}

function nobody(): number {
  return Number(execFileSync("id", ["-u", "nobody"], { encoding: "utf8" }));
}
