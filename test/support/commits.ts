/** Every commit of a workspace's actors, as it happens: to count them, or to let the actor die with it. */
import { vi } from "vitest";
import { Actor } from "../../src/actor/actor.ts";
import type { Caller } from "../../src/actor/caller.ts";
import type { ActorPlace } from "../../src/actor/ids.ts";

export interface Committed {
  readonly place: ActorPlace;
  readonly ctx: DurableObjectState;
}

type Commit = (this: Committed, caller: Caller, ...rest: readonly unknown[]) => unknown;

/** Calls `seen` after each commit in this workspace until the mocks are restored; `caller` is who it was for. */
export function onCommits(workspace: string, seen: (actor: Committed, caller: Caller) => void): void {
  const inside = Actor.prototype as unknown as { commit: Commit };
  const { commit } = inside;
  vi.spyOn(inside, "commit").mockImplementation(function (this: Committed, caller, ...rest) {
    const value = commit.call(this, caller, ...rest);
    if (this.place.workspace === workspace) seen(this, caller);
    return value;
  });
}
