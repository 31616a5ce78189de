/** Redis that syncs every write: a key with a TTL and a token of its own counter, in one script; released by its token. */
import { createClient } from "redis";
import { freePort, installed, start, temporaryFolder } from "../process.ts";
import type { Absent, Contestant } from "./contestant.ts";

const ACQUIRE = `if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
local token = redis.call('INCR', KEYS[2])
redis.call('SET', KEYS[1], token, 'PX', 30000)
return token`;
const RELEASE = `if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0`;

export async function startRedis(): Promise<Contestant | Absent> {
  const name = "redis";
  const program = installed("redis-server");
  if (program === undefined) return { name, absent: "apt-get install redis-server" };
  const folder = temporaryFolder(name);
  const port = await freePort();
  const connect = async () => {
    const client = createClient({ socket: { host: "127.0.0.1", port, reconnectStrategy: false } });
    client.on("error", () => undefined);
    await client.connect();
    return client;
  };
  const running = await start(
    [program, "--port", String(port), "--dir", folder, "--appendonly", "yes", "--appendfsync", "always", "--save", ""],
    { folder },
    async () => (await connect()).close(),
  );
  return {
    name,
    settings: "7.0, appendonly yes, appendfsync always, one script for each half",
    client: async () => {
      const client = await connect();
      const [acquire, release] = [await client.scriptLoad(ACQUIRE), await client.scriptLoad(RELEASE)];
      return {
        pair: async (key) => {
          const token = await client.evalSha(acquire, { keys: [key, `${key}:token`] });
          if (token === 0) throw new Error(`${key} was not free`);
          await client.evalSha(release, { keys: [key], arguments: [String(token)] });
        },
        close: async () => client.close(),
      };
    },
    stop: running.stop,
  };
}
