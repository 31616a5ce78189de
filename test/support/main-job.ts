/** The main job up to wherever a test wants to look at it: a cast of people and agents, and approved changes. */
import type { Task } from "../../src/tasks/task-contract.ts";
import { ROOT_TOKEN } from "./server.ts";
import { Session } from "./wire.ts";

export interface Cast {
  readonly root: Session;
  readonly author: Session;
  readonly reviewers: readonly [Session, Session];
  /** Agents that take any task; the first begins, the second inherits. */
  readonly agent: Session;
  readonly heir: Session;
}

/** Makes everybody on a fresh server, or in a workspace that is. */
export async function castOf(url: string, workspace?: string): Promise<Cast> {
  const root = new Session(url, "root", ROOT_TOKEN, workspace);
  const [author, first, second, agent, heir] = await Promise.all([
    root.newUser("alice", "author"),
    root.newUser("bob", "reviewer"),
    root.newUser("carol", "reviewer"),
    root.newAgent("migrator", { max_tasks: 100 }),
    root.newAgent("heir", { max_tasks: 100 }),
  ]);
  return { root, author, reviewers: [first, second], agent, heir };
}

/** The resource `{type}:prod/{id}`, to be written to. */
export function written(type: string, id: string) {
  return { type, id, namespace: "prod", actions: ["write"] };
}

/** What POST /tasks takes. */
export function draftOf(author: string, resources: readonly unknown[], more: Readonly<Record<string, unknown>> = {}) {
  const config = { type: "test.change", description: "A change", resources, parameters: { changed: true }, ...more };
  return { config, metadata: { author_id: author, author_name: author } };
}

/** A change that was drafted, submitted and approved by as many as it needs. */
export async function approvedTask(
  cast: Cast,
  ...draft: [readonly unknown[], Record<string, unknown>?]
): Promise<Task> {
  const { id } = await cast.author.post<Task>("/tasks", 201, draftOf(cast.author.id, ...draft));
  const { approval_requests } = await cast.author.post<Task>(`/tasks/${id}/submit`, 202);
  for (const reviewer of cast.reviewers) {
    const request = approval_requests.find(({ reviewer_id }) => reviewer_id === reviewer.id);
    const path = `/approvals/${request?.id}/respond`;
    const { task_state } = await reviewer.post<{ task_state: string }>(path, 200, { action: "approve" });
    if (task_state === "APPROVED") return cast.author.get<Task>(`/tasks/${id}`);
  }
  throw new Error(`task ${id} was not approved by ${cast.reviewers.length} reviewers`);
}
