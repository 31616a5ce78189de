/** Work through the client, against the real server: under locks, and on tasks. */
import { describe } from "vitest";
import { sharedServer } from "../support/shared-server.ts";
import { locksSuite } from "./client/locks.ts";
import { workerSuite } from "./client/worker.ts";

const server = sharedServer();
describe("locks", () => locksSuite(server));
describe("an agent", () => workerSuite(server));
