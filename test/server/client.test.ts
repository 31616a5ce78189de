/** The client against the real server: its calls, waiting for people, channels, and the package as others get it. */
import "./client/calls.ts";
import "./client/approvals.ts";
import "./client/events.ts";
import "./client/package.ts";
