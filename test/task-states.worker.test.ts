/** Every command in every state, over HTTP (03-tasks-and-approvals, "State machine"). */
import { describe, expect, it } from "vitest";
import { ALLOWED, type Command } from "../src/tasks/task.ts";
import type { Task } from "../src/tasks/task-contract.ts";
import type { Answer } from "./support/api.ts";
import { detailsOf, ok, type Person, refusal, requestOf, Stage, web } from "./support/stage.ts";

type State = Exclude<Task["state"], "SUBMITTED">;

/** SUBMITTED is passed through in one commit: nobody meets a task in it. */
const STATES = Object.keys(ALLOWED).filter((state): state is State => state !== "SUBMITTED");

interface World extends Record<"alice" | "bob" | "carol" | "adm" | "robo" | "other", Person> {
  readonly stage: Stage;
}

async function world(): Promise<World> {
  const stage = new Stage();
  const [cast, adm, other] = await Promise.all([stage.cast(), stage.user("adm", "admin"), stage.agent("other")]);
  return { stage, ...cast, adm, other };
}

async function taskIn(state: State, { stage, alice, bob, carol, robo }: World): Promise<Task> {
  const config = { resources: [{ ...web, id: crypto.randomUUID() }] };
  const approved = () => stage.approved(alice, [bob], config);
  switch (state) {
    case "DRAFT":
      return stage.draft(alice, config);
    case "REVIEWING":
      return stage.submitted(alice, config);
    case "APPROVED":
      return approved();
    case "APPLYING":
      return stage.apply(robo, (await approved()).id);
    case "COMPLETED": {
      const { id } = await stage.apply(robo, (await approved()).id);
      return ok(await robo.post<Task>(`/tasks/${id}/complete`, { result: "success" }));
    }
    case "REJECTED": {
      const task = await stage.submitted(alice, config);
      ok(await carol.post(`/approvals/${requestOf(carol, task).id}/respond`, { action: "reject", reason: "no" }));
      return stage.task(task.id);
    }
    case "CANCELLED": {
      const { id } = await stage.submitted(alice, config);
      return ok(await alice.post<Task>(`/tasks/${id}/cancel`, { reason: "changed my mind" }));
    }
  }
}

/** How a command is sent by whoever may; `respond` has a route of its own. */
function send(command: Exclude<Command, "respond">, { id, config }: Task, people: World): Promise<Answer<unknown>> {
  const { alice, adm, robo, other } = people;
  const path = `/tasks/${id}`;
  switch (command) {
    case "edit":
      return alice.patch(path, { config: { priority: 1 } });
    case "delete":
      return alice.delete(path);
    case "submit":
    case "cancel":
    case "resubmit":
      return alice.post(`${path}/${command}`);
    case "comment":
      return alice.post(`${path}/comments`, { body: "why?" });
    case "override":
      return adm.post(`${path}/override`, { reason: "the site is down", incident_ticket: "INC-1" });
    case "apply":
      return other.post(`${path}/apply`);
    case "heartbeat":
      return robo.post(`${path}/heartbeat`);
    case "stash":
      return robo.post(`${path}/stash`, { resource: `service:prod/${config.resources[0]?.id}`, data: { a: 1 } });
    case "complete":
      return robo.post(`${path}/complete`, { result: "failure" });
    case "rollback":
      return robo.post(`${path}/rollback`, { result: "success" });
  }
}

const COMMANDS = [...new Set(Object.values(ALLOWED).flat())].filter((command) => command !== "respond");

describe("the table of states", () => {
  it("knows all commands of the routes", () => {
    expect([...COMMANDS].sort()).toEqual(
      ["apply", "cancel", "comment", "complete", "delete", "edit", "heartbeat"].concat([
        "override",
        "resubmit",
        "rollback",
        "stash",
        "submit",
      ]),
    );
  });

  it.each(STATES)("%s refuses whatever it does not list, says what it allows, and stays as it is", async (state) => {
    const people = await world();
    const task = await taskIn(state, people);
    expect(task.state).toBe(state);
    const refused = COMMANDS.filter((command) => !ALLOWED[state].includes(command));
    // A rollback is reported only after it was asked for.
    if (state === "APPLYING") refused.push("rollback");
    for (const command of refused) {
      const answer = await send(command, task, people);
      expect(refusal(answer), command).toEqual([409, "INVALID_STATE"]);
      expect(detailsOf(answer), command).toMatchObject({ state, allowed: ALLOWED[state] });
    }
    const { state: still, metadata, comments, execution } = await people.stage.task(task.id);
    expect({ state: still, metadata, comments, execution }).toEqual({
      state,
      metadata: task.metadata,
      comments: [],
      execution: task.execution,
    });
  });

  it.each(STATES.filter((state) => ALLOWED[state].length > 0))("%s takes what it lists", async (state) => {
    const people = await world();
    const listed = COMMANDS.filter((command) => ALLOWED[state].includes(command) && command !== "rollback");
    for (const command of listed) {
      const task = await taskIn(state, people);
      const answer = await send(command, task, people);
      expect(answer.status, `${command}: ${JSON.stringify(answer.body)}`).toBeLessThan(300);
    }
  });

  it("lets a rollback be reported once a failure asked for it", async () => {
    const people = await world();
    const task = await taskIn("APPLYING", people);
    ok(await send("stash", task, people));
    ok(await send("complete", task, people));
    expect(ok<Task>(await send("rollback", task, people)).state).toBe("COMPLETED");
  });

  it.each(STATES.filter((state) => !["DRAFT", "REVIEWING"].includes(state)))(
    "%s takes no answer to a request of its review, and says how that ended",
    async (state) => {
      const people = await world();
      const task = await taskIn(state, people);
      for (const who of [people.bob, people.carol]) {
        const answer = await who.post(`/approvals/${requestOf(who, task).id}/respond`, { action: "approve" });
        expect(refusal(answer)).toEqual([409, "APPROVAL_ALREADY_RESOLVED"]);
      }
      expect((await people.stage.task(task.id)).approvals).toEqual(task.approvals);
    },
  );
});
