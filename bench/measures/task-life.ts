/** A task's life through HTTP: create, submit, one approval, apply, complete. */
import type { Connection } from "../connection.ts";
import { BASE } from "../contestants/countersign.ts";

interface TaskAnswer {
  readonly id: string;
  readonly state: string;
  readonly approval_requests: readonly { readonly id: string; readonly status: string }[];
}

let changes = 0;

/** A change to `resource` that waits for its one reviewer. */
export async function submitted(author: Connection, resource: string): Promise<{ task: string; request: string }> {
  changes += 1;
  const config = {
    type: "bench.change",
    description: "A change of the benchmark",
    resources: [{ type: "configuration", id: resource, namespace: "bench", scope: "instance", actions: ["write"] }],
    parameters: { changed: changes },
  };
  const { id } = await author.expect<TaskAnswer>(201, "POST", `${BASE}/tasks`, {
    config,
    metadata: { author_id: "author", author_name: "author" },
  });
  const { approval_requests } = await author.expect<TaskAnswer>(202, "POST", `${BASE}/tasks/${id}/submit`, {});
  const request = approval_requests[0]?.id;
  if (request === undefined) throw new Error(`nobody was asked about ${id}`);
  return { task: id, request };
}

export interface People {
  readonly author: Connection;
  readonly reviewer: Connection;
  readonly agent: Connection;
}

/** One full task; returns its id. The task is new, its resource is one that other changes touched before. */
export async function fullTask({ author, reviewer, agent }: People, resource: string): Promise<string> {
  const { task, request } = await submitted(author, resource);
  await reviewer.expect(200, "POST", `${BASE}/approvals/${request}/respond`, { action: "approve" });
  await agent.expect(200, "POST", `${BASE}/tasks/${task}/apply`, {});
  await agent.expect(200, "POST", `${BASE}/tasks/${task}/complete`, { result: "success" });
  return task;
}
