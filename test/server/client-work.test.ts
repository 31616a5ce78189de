/** Work through the client, against the real server: under locks, and on tasks. */
import "./client/locks.ts";
import "./client/worker.ts";
