/** `countersign` against the real server. */
import "./cli/commands.ts";
import "./cli/decisions.ts";
import "./cli/trail.ts";
import "./cli/terminal.ts";
import "./cli/completion.ts";
import "./cli/inbox.ts";
import "./cli/lock-run.ts";
