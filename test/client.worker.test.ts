/** The client inside a Worker, where it is as much at home as in Node. */
import { expect, test } from "vitest";
import { Countersign } from "../src/client/index.ts";
import { newAgent, newUser, served } from "./support/api.ts";

const clientOf = (token: string) =>
  new Countersign({ url: "https://countersign.test", token, fetch: (url, init) => served(new Request(url, init)) });

test("it drafts, locks and reads channels on workerd", async () => {
  const [author, agent] = [await newUser("worker-author", ["author"]), await newAgent("worker-agent")];
  const client = clientOf(author.token);
  const { id } = await client.tasks.create({
    config: { type: "t", description: "d", resources: [{ type: "service", id: "here" }] },
    metadata: { author_id: author.id, author_name: author.id },
  });
  const { events } = await client.channels.events(`task:${id}`, { after: 0 });
  expect(events.length).toBeGreaterThan(0);
  const token = await clientOf(agent.token).withLock("service:here", {}, async (lock) => lock.fencing_token);
  expect(token).toBe(1);
});
