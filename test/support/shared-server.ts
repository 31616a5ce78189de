/**
 * One server for a test file that is made of several suites: to start one costs more than most suites do. Each suite has a
 * workspace and a cast of its own, so that none sees another.
 */
import { afterAll, beforeAll } from "vitest";
import { type Cast, castOf } from "./main-job.ts";
import { type Server, startServer } from "./server.ts";

export interface SharedServer {
  readonly url: string;
  /** Everybody, in a workspace that nobody else uses. */
  cast(workspace: string): Promise<Cast>;
  /** Ends it as `kill -9` does and starts it again, at the same address. */
  crash(): Promise<void>;
}

/** Called where a test file is collected: the server is there for all of its tests, and ends after them. */
export function sharedServer(): SharedServer {
  let running: Server | undefined;
  beforeAll(async () => {
    running = await startServer();
  });
  afterAll(async () => {
    await running?.end();
  });
  const server = () => {
    if (running === undefined) throw new Error("the server starts before all tests, not before they are collected");
    return running;
  };
  return {
    get url() {
      return server().url;
    },
    cast: (workspace) => castOf(server().url, workspace),
    crash: async () => {
      await server().end("SIGKILL");
      running = await server().restart();
    },
  };
}
