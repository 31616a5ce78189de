/** `countersign` against the real server. */
import { describe } from "vitest";
import { sharedServer } from "../support/shared-server.ts";
import { commandsSuite } from "./cli/commands.ts";
import { completionSuite } from "./cli/completion.ts";
import { decisionsSuite } from "./cli/decisions.ts";
import { inboxSuite } from "./cli/inbox.ts";
import { lockRunSuite } from "./cli/lock-run.ts";
import { terminalSuite } from "./cli/terminal.ts";
import { trailSuite } from "./cli/trail.ts";

const server = sharedServer();
describe("commands", () => commandsSuite(server));
describe("decisions", () => decisionsSuite(server));
describe("the trail", () => trailSuite(server));
describe("the terminal", () => terminalSuite(server));
describe("completion", () => completionSuite());
describe("the inbox", () => inboxSuite(server));
describe("lock run", () => lockRunSuite(server));
