/** Webhooks over the wire: a real receiver on loopback, real time, and a server that is killed. */
import { Webhook } from "standardwebhooks";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ListeningExecutor, type Reply } from "../support/executor.ts";
import { ROOT_TOKEN, until } from "../support/server.ts";
import { sharedServer } from "../support/shared-server.ts";
import { Session } from "../support/wire.ts";

const server = sharedServer({ WEBHOOK_ALLOW_PRIVATE: "1" });
const taken: Reply = { status: 204 };

let receiver: ListeningExecutor;
beforeAll(async () => {
  receiver = await ListeningExecutor.listen();
});
afterAll(() => receiver.close());

function asRoot(): Session {
  return new Session(server.url, "root", ROOT_TOKEN);
}

async function made(root: Session, name: string, ...replies: readonly Reply[]): Promise<string> {
  const { url } = receiver.at(`/${name}`, ...replies);
  const { secret } = await root.post<{ secret: string }>("/webhooks", 201, {
    id: name,
    name,
    url,
    events: ["user.created"],
  });
  return secret;
}

test("an event is sent again 5 s after it was not taken, signed and under the same id; a redirect is not followed", async () => {
  const root = asRoot();
  const elsewhere = receiver.at("/elsewhere", taken);
  const secret = await made(root, "patient", { status: 302, headers: { Location: elsewhere.url } }, taken);
  await root.newUser("ada", "author");
  const [first, second] = [await receiver.nth("/patient"), await receiver.nth("/patient", 2)];
  expect(second.id).toBe(first.id);
  expect(new Webhook(secret).verify(second.payload, second.headers as Record<string, string>)).toMatchObject({
    type: "user.created",
    data: { subject_id: "ada", workspace: "default" },
  });
  expect(receiver.delivered("/elsewhere")).toEqual([]);
});

test("an event whose sender was killed with -9 arrives under the same id, and what happened since follows", async () => {
  await made(asRoot(), "survivor", "silence", taken);
  await asRoot().newUser("grace", "author");
  const first = await receiver.nth("/survivor");
  await server.crash();
  await asRoot().newUser("edsger", "author");
  await until(() => receiver.delivered("/survivor").length >= 3);
  const [, ...later] = receiver.delivered("/survivor");
  const told = later.map(({ id, payload }) => [id === first.id, JSON.parse(payload).data.subject_id]);
  expect(told.sort()).toEqual([
    [false, "edsger"],
    [true, "grace"],
  ]);
});
