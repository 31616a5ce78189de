/** `countersign` against the real server. */
import "./cli/commands.ts";
import "./cli/inbox.ts";
import "./cli/lock-run.ts";
