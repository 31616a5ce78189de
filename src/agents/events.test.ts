import { expect, it } from "vitest";
import { systemCaller } from "../actor/caller.ts";
import { entryOf } from "../actor/journal.ts";
import { presenceEventOf } from "./events.ts";

const last_heartbeat_at = "2026-01-01T00:00:00.000Z";

function told(action: string) {
  const happening = {
    action,
    subject_type: "agent",
    subject_id: "robo",
    details: { last_heartbeat_at, was: "online" },
  };
  const place = { workspace: "w", actor: "agent:robo", seq: 1, micros: 1 };
  return presenceEventOf(entryOf(happening, place, systemCaller("w", "test", "r")));
}

it.each(["online", "stale", "offline"])("an agent that is %s is told with its last heartbeat", (status) => {
  expect(told(`agent.${status}`)).toEqual({
    event: `agent:${status}`,
    payload: { agent_id: "robo", last_heartbeat_at },
  });
});

it.each(["agent.created", "agent.updated", "lock.acquired"])("%s is no presence", (action) => {
  expect(told(action)).toBeNull();
});
