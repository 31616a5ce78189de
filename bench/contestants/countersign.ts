/** Countersign as `npm start` runs it: the built worker on workerd, storage on disk. */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Connection } from "../connection.ts";
import { freePort, start, temporaryFolder } from "../process.ts";
import type { Contestant } from "./contestant.ts";

const ROOT_TOKEN = "the-root-token-of-the-benchmarks-0";
const PROJECT = fileURLToPath(new URL("../..", import.meta.url));
export const BASE = "/api/v1";

/** A running server, with somebody of every kind on it. */
export interface Countersign extends Contestant {
  /** of the program that was started; workerd is its child */
  readonly pid: number;
  readonly url: string;
  readonly stateDir: string;
  /** A connection with the token of a principal made by `cast`. */
  as(token: string): Connection;
  readonly tokens: {
    readonly root: string;
    readonly author: string;
    readonly reviewer: string;
    readonly agent: string;
  };
  /** Ends the server; its state stays. */
  end(): Promise<void>;
}

/** @param kept the state of an earlier run, with the tokens that it gave out; @param more environment of the server; @param project whose build is served: a checkout, built */
export async function startCountersign(
  kept?: { readonly stateDir: string; readonly tokens: Countersign["tokens"] },
  more: Readonly<Record<string, string>> = {},
  project = PROJECT,
): Promise<Countersign> {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const stateDir = kept?.stateDir ?? temporaryFolder("countersign");
  const env = {
    PORT: String(port),
    STATE_DIR: stateDir,
    ROOT_TOKEN,
    RATE_LIMIT_READS: "0",
    RATE_LIMIT_WRITES: "0",
    ...more,
  };
  const running = await start(
    [process.execPath, join(project, "src/cli/serve.ts")],
    { folder: stateDir, env },
    async () => {
      if (!(await fetch(`${url}/readyz`)).ok) throw new Error("not ready");
    },
  );
  const as = (token: string) => new Connection(url, { Authorization: `Bearer ${token}` });
  const tokens = kept?.tokens ?? (await cast(as(ROOT_TOKEN)));
  return {
    name: "countersign",
    settings: "built worker on workerd, SQLite on disk, rate limits off",
    pid: running.pid,
    url,
    stateDir,
    as,
    tokens,
    end: running.end,
    client: async (n) => {
      const connection = as(tokens.agent);
      return {
        pair: async (key) => {
          const { id } = await connection.expect<{ id: string }>(201, "POST", `${BASE}/locks/acquire`, {
            resource_type: "resource",
            resource_id: key,
            session_id: `client-${n}`,
          });
          await connection.expect(204, "POST", `${BASE}/locks/release`, { lock_id: id });
        },
        close: async () => connection.close(),
      };
    },
    stop: running.stop,
  };
}

async function cast(root: Connection): Promise<Countersign["tokens"]> {
  const made = async (path: string, body: object) =>
    (await root.expect<{ token: string }>(201, "POST", `${BASE}${path}`, body)).token;
  const user = (id: string, role: string) => made("/users", { id, name: id, roles: [role] });
  return {
    root: ROOT_TOKEN,
    author: await user("author", "author"),
    reviewer: await user("reviewer", "reviewer"),
    agent: await made("/agents", { id: "agent", name: "agent", max_tasks: 100 }),
  };
}
