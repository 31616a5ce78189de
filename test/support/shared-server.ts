/**
 * One server for a test file that is made of several suites: to start one costs more than most suites do. Each suite has a
 * workspace and a cast of its own, so that none sees another.
 */
import { afterAll, beforeAll } from "vitest";
import { crash } from "./crash.ts";
import { type Cast, castOf } from "./main-job.ts";
import { type Server, startServer } from "./server.ts";

export interface SharedServer {
  readonly url: string;
  /** What it printed since it was started last. */
  stdout(): string;
  /** Everybody, in a workspace that nobody else uses. */
  cast(workspace: string): Promise<Cast>;
  /** `kill -9` of all its processes, and a new start at the same address. */
  crash(): Promise<void>;
}

/** Called where a test file is collected: the server is there for all of its tests, and ends after them. */
export function sharedServer(env: Readonly<Record<string, string>> = {}): SharedServer {
  let running: Server | undefined;
  beforeAll(async () => {
    running = await startServer(env);
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
    stdout: () => server().stdout(),
    cast: (workspace) => castOf(server().url, workspace),
    crash: async () => {
      await crash(server());
      running = await server().restart();
    },
  };
}
