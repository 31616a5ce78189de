/** ZooKeeper: its recipe for locks (an ephemeral sequential node, lowest number holds), forceSync on. */
import { existsSync, writeFileSync } from "node:fs";
import { type Client, CreateMode, createClient } from "node-zookeeper-client";
import { freePort, installed, start, temporaryFolder } from "../process.ts";
import type { Absent, Contestant } from "./contestant.ts";

const JARS = "/usr/share/java";

export async function startZooKeeper(): Promise<Contestant | Absent> {
  const name = "zookeeper";
  const java = installed("java");
  if (java === undefined || !existsSync(`${JARS}/zookeeper.jar`)) return { name, absent: "apt-get install zookeeper" };
  const folder = temporaryFolder(name);
  const port = await freePort();
  const settings = {
    dataDir: `${folder}/data`,
    clientPort: port,
    clientPortAddress: "127.0.0.1",
    tickTime: 2000,
    maxClientCnxns: 0,
    forceSync: "yes",
    "admin.enableServer": false,
  };
  const file = `${folder}/zoo.cfg`;
  writeFileSync(
    file,
    Object.entries(settings)
      .map(([key, value]) => `${key}=${value}\n`)
      .join(""),
  );
  const connect = (timeout = 5_000) =>
    new Promise<Client>((resolve, reject) => {
      const client = createClient(`127.0.0.1:${port}`, { sessionTimeout: 30_000, retries: 0 });
      const late = setTimeout(() => {
        client.close();
        reject(new Error("no connection"));
      }, timeout);
      client.once("connected", () => {
        clearTimeout(late);
        resolve(client);
      });
      client.connect();
    });
  const classpath = [
    "/etc/zookeeper/conf",
    ...[
      "zookeeper",
      "zookeeper-jute",
      "slf4j-api",
      "slf4j-simple",
      "netty-all",
      "snappy-java",
      "metrics-core",
      "jackson-databind",
      "commons-cli",
      "commons-io",
    ].map((jar) => `${JARS}/${jar}.jar`),
    `${JARS}/*`,
  ].join(":");
  const running = await start(
    [
      java,
      "-Dzookeeper.admin.enableServer=false",
      "-cp",
      classpath,
      "org.apache.zookeeper.server.quorum.QuorumPeerMain",
      file,
    ],
    { folder },
    async () => (await connect(1_000)).close(),
  );
  return {
    name,
    // "Unknown code" out of the middle of a packet, which ends the process.
    soleClient: "node-zookeeper-client 1.1 misreads answers that come in pieces, as they do with many clients",
    settings: "3.8, one server, forceSync=yes, the lock recipe (create, getChildren, remove)",
    client: async () => {
      const client = await connect();
      const made = new Set<string>();
      return {
        pair: async (key) => {
          const parent = `/${encodeURIComponent(key)}`;
          if (!made.has(parent)) await create(client, parent, CreateMode.PERSISTENT).catch(ignoreExisting);
          made.add(parent);
          const node = await create(client, `${parent}/lock-`, CreateMode.EPHEMERAL_SEQUENTIAL);
          const [first] = (await children(client, parent)).sort();
          if (`${parent}/${first}` !== node) throw new Error(`${key} was not free`);
          await remove(client, node);
        },
        close: async () => client.close(),
      };
    },
    stop: running.stop,
  };
}

function create(client: Client, path: string, mode: number): Promise<string> {
  return new Promise((resolve, reject) =>
    client.create(path, mode, (error, made) => (error ? reject(error) : resolve(made))),
  );
}

function children(client: Client, path: string): Promise<string[]> {
  return new Promise((resolve, reject) =>
    client.getChildren(path, (error, names) => (error ? reject(error) : resolve(names))),
  );
}

function remove(client: Client, path: string): Promise<void> {
  return new Promise((resolve, reject) => client.remove(path, (error) => (error ? reject(error) : resolve())));
}

function ignoreExisting(error: Error): void {
  if (!/NODE_EXISTS/.test(error.message)) throw error;
}
