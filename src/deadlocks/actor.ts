import { Actor } from "../actor/actor.ts";
import type { Caller } from "../actor/caller.ts";
import type { Commit } from "../actor/commit.ts";
import type { CoordinatorApi } from "./coordinator-api.ts";

/** The wait-for graph of a workspace will live here; so far it only answers that it is there (GET /readyz). */
export class CoordinatorActor extends Actor implements CoordinatorApi {
  protected override get migrations(): readonly string[] {
    return [];
  }

  protected override receive(_tx: Commit, _caller: Caller, source: string): void {
    throw new Error(`the coordinator takes no effects yet, one came from ${source}`);
  }

  protected override onTimer(name: string): void {
    throw new Error(`the coordinator has no timer ${name}`);
  }

  async ping(): Promise<true> {
    return true;
  }
}
