/** A task on disk: sections that change at different times are documents of their own, and only what changed is written. */
import type { Commit } from "../actor/commit.ts";
import type { Storage } from "../actor/storage.ts";
import type { TaskRecord } from "./task.ts";

type Core = Omit<TaskRecord, "config" | "preview" | "comments" | "stash">;

export function readTask(store: Storage): TaskRecord | undefined {
  const core = store.read<Core>("core");
  const config = store.read<TaskRecord["config"]>("config");
  const preview = store.read<TaskRecord["preview"]>("preview");
  if (core === undefined || config === undefined || preview === undefined) return undefined;
  const stash = store.read<NonNullable<TaskRecord["stash"]>>("stash");
  const comments = store.read<TaskRecord["comments"]>("comments") ?? [];
  return { ...core, config, preview, comments, ...(stash !== undefined && { stash }) };
}

export function writeTask(tx: Commit, before: TaskRecord | undefined, after: TaskRecord): void {
  if (after === before) return;
  const { config, preview, comments, stash, ...core } = after;
  tx.store.write("core", core);
  if (config !== before?.config) tx.store.write("config", config);
  if (preview !== before?.preview) tx.store.write("preview", preview);
  if (stash === undefined && before?.stash !== undefined) tx.store.erase("stash");
  if (stash !== undefined && stash !== before?.stash) tx.store.write("stash", stash);
  if (comments !== before?.comments && comments.length > 0) tx.store.write("comments", comments);
}
