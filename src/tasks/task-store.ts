/** A task on disk: sections that change at different times are documents of their own, and only what changed is written. */
import type { Commit } from "../actor/commit.ts";
import type { Storage } from "../actor/storage.ts";
import type { TaskRecord } from "./task.ts";

type Core = Omit<TaskRecord, "config" | "preview" | "comments">;

export function readTask(store: Storage): TaskRecord | undefined {
  const core = store.read<Core>("core");
  const config = store.read<TaskRecord["config"]>("config");
  const preview = store.read<TaskRecord["preview"]>("preview");
  if (core === undefined || config === undefined || preview === undefined) return undefined;
  return { ...core, config, preview, comments: store.read<TaskRecord["comments"]>("comments") ?? [] };
}

export function writeTask(tx: Commit, before: TaskRecord | undefined, after: TaskRecord): void {
  if (after === before) return;
  const { config, preview, comments, ...core } = after;
  tx.store.write("core", core);
  if (config !== before?.config) tx.store.write("config", config);
  if (preview !== before?.preview) tx.store.write("preview", preview);
  if (comments !== before?.comments && comments.length > 0) tx.store.write("comments", comments);
}
