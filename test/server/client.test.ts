/** The client against the real server: its calls, waiting for people, channels, and the package as others get it. */
import { describe } from "vitest";
import { sharedServer } from "../support/shared-server.ts";
import { approvalsSuite } from "./client/approvals.ts";
import { callsSuite } from "./client/calls.ts";
import { eventsSuite } from "./client/events.ts";
import { packedSuite } from "./client/package.ts";

const server = sharedServer();
describe("calls", () => callsSuite(server));
describe("waiting for people", () => approvalsSuite(server));
describe("events", () => eventsSuite(server));
describe("the package", () => packedSuite(server));
