/**
 * One server for a test file that is made of several suites (the modules that it imports): to start one costs more than most
 * suites do. Each suite has a workspace and a cast of its own, so that none sees another.
 */
import { afterAll, beforeAll } from "vitest";
import { type Cast, castOf } from "./main-job.ts";
import { type Server, startServer } from "./server.ts";

let running: Server | undefined;
beforeAll(async () => {
  running = await startServer();
});
afterAll(async () => {
  await running?.end();
});

function server(): Server {
  if (running === undefined) throw new Error("the server starts before all tests, not before they are collected");
  return running;
}

export const shared = {
  get url(): string {
    return server().url;
  },

  /** Everybody, in a workspace that nobody else uses. */
  cast(workspace: string): Promise<Cast> {
    return castOf(server().url, workspace);
  },

  /** Ends it as `kill -9` does and starts it again, at the same address. */
  async crash(): Promise<void> {
    const crashed = server();
    await crashed.end("SIGKILL");
    running = await crashed.restart();
  },
};
