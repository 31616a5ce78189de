import { describe, expect, it } from "vitest";
import { DeadlockInfo } from "./contract.ts";
import { CoordinatorScenario } from "./coordination.fixture.ts";
import { LockWorld, sessionOf } from "./lock-world.fixture.ts";

/** Every session holds the lock named after it, one after the other. */
function holding(...names: string[]): LockWorld {
  const world = new LockWorld();
  for (const name of names) {
    world.now += 10;
    world.ask(name, name);
  }
  world.now += 10;
  return world;
}

/** h and r wait for each other, r only because the writer w is before it: h shares l and would share it with r, too. */
function readerBehindWriter(): LockWorld {
  const world = holding("r");
  world.ask("h", "l", "shared");
  world.ask("w", "l", "exclusive");
  world.ask("r", "l", "shared");
  world.ask("h", "r");
  return world;
}

function victims(scenario: CoordinatorScenario): string[] {
  return scenario.resolved.map(({ victim }) => victim.session_id);
}

describe("the resolution of a deadlock", () => {
  it("aborts the youngest of two, releases all that it had in the graph and tells how it went", () => {
    const world = holding("a", "b");
    world.ask("x", "extra", "shared");
    world.ask("b", "extra", "shared");
    world.ask("y", "extra");
    const [claim, lease] = [world.ask("a", "b"), world.idIn("a", "a")];
    world.ask("b", "a");
    const ids = { bWaits: world.idIn("b", "a"), bHolds: world.idIn("b", "b"), aWaits: world.idIn("a", "b") };
    const extra = world.idIn("b", "extra");
    const scenario = new CoordinatorScenario(world);
    scenario.flush();
    expect(claim.kind).toBe("queued");
    expect(world.entry("b", "b")).toBeUndefined();
    expect(world.entry("b", "extra")).toBeUndefined();
    expect(world.lock("b").book.holders).toMatchObject([{ session_id: "a" }]);
    const [resolved] = scenario.resolved;
    expect(DeadlockInfo.parse(resolved?.deadlock)).toEqual(resolved?.deadlock);
    expect(resolved).toMatchObject({ victim: sessionOf("b"), retry_after_ms: 150 });
    expect(resolved?.deadlock.detected_at).toBe(new Date(world.now).toISOString());
    expect(resolved?.deadlock.cycle).toHaveLength(2);
    expect(resolved?.deadlock.cycle).toEqual(
      expect.arrayContaining([
        { agent_id: "a", session_id: "a", holds_lock: lease, waits_for: ids.aWaits },
        { agent_id: "b", session_id: "b", holds_lock: ids.bHolds, waits_for: ids.bWaits },
      ]),
    );
    expect(resolved?.deadlock.resolution).toMatchObject({
      victim_agent_id: "b",
      victim_session_id: "b",
      strategy: "abort_youngest",
    });
    expect(new Set(resolved?.deadlock.resolution.released_locks)).toEqual(new Set([ids.bWaits, ids.bHolds, extra]));
  });

  it("resolves a ring of 10,000 with one victim", () => {
    const names = Array.from({ length: 10_000 }, (_, at) => `s${at}`);
    const world = holding(...names);
    const scenario = new CoordinatorScenario(world);
    for (const [at, name] of names.entries()) world.ask(name, names[(at + 1) % names.length] ?? name);
    for (const report of world.reports()) scenario.coordination.report(report, world.now);
    expect(scenario.coordination.nextTickAt(world.now)).toBeDefined();
    scenario.restart();
    for (const name of names) {
      world.restart(name);
      scenario.report(name);
    }
    scenario.calm();
    expect(victims(scenario)).toEqual(["s9999"]);
  });

  it("takes one victim after the other where one wait closes several cycles, and none too many", () => {
    const world = new LockWorld();
    world.ask("a", "l", "shared");
    world.now += 1;
    world.ask("b", "l", "shared");
    world.now += 1;
    world.ask("hub", "hub");
    world.ask("a", "hub");
    world.ask("b", "hub");
    const scenario = new CoordinatorScenario(world);
    scenario.flush();
    expect(victims(scenario)).toEqual([]);
    world.ask("hub", "l");
    scenario.flush();
    // The hub is the youngest and on both cycles: with it both are gone.
    expect(victims(scenario)).toEqual(["hub"]);

    const twice = new LockWorld();
    twice.ask("hub", "hub");
    twice.now += 1;
    for (const name of ["a", "b"]) twice.ask(name, "l", "shared");
    for (const name of ["a", "b"]) twice.ask(name, "hub");
    const other = new CoordinatorScenario(twice);
    twice.ask("hub", "l");
    other.flush();
    expect(victims(other).sort()).toEqual(["a", "b"]);
    expect(twice.lock("l").book.holders).toMatchObject([{ session_id: "hub" }]);
  });

  it("lets a reader in where only a queued writer holds it up, and aborts nobody", () => {
    const world = readerBehindWriter();
    const scenario = new CoordinatorScenario(world);
    expect(world.hasDeadlock()).toBe(true);
    scenario.flush();
    expect(victims(scenario)).toEqual([]);
    expect(scenario.letIn).toEqual([world.idIn("r", "l")]);
    expect(world.hasDeadlock()).toBe(false);
    expect(world.lock("l").book.queue).toMatchObject([{ session_id: "w" }]);
  });

  it("lets a reader in past an upgrade as well", () => {
    const world = holding("r");
    for (const name of ["h", "u"]) world.ask(name, "l", "shared");
    world.ask("u", "l", "exclusive");
    world.ask("r", "l", "shared");
    world.ask("h", "r");
    const scenario = new CoordinatorScenario(world);
    scenario.flush();
    expect([victims(scenario), scenario.letIn]).toEqual([[], [world.idIn("r", "l")]]);
  });

  it("leaves a cycle alone as long as the end of another one may end it, too", () => {
    const world = holding("l", "y", "n", "m");
    const [y, x, r] = ["y", "n", "m"];
    world.ask("e", "l", "shared");
    world.ask(x, "l");
    world.ask(r, "l", "shared");
    world.ask(x, y);
    world.ask(y, "n");
    world.ask("e", "m");
    const knots = [world.isKnot([y, x].map(sessionOf)), world.isKnot(["e", r].map(sessionOf))];
    expect(knots).toEqual([true, true]);
    const scenario = new CoordinatorScenario(world);
    scenario.flush();
    // x waits between the readers e and r: without it neither waits for the other.
    expect(victims(scenario)).toEqual([x]);
    expect(world.hasDeadlock()).toBe(false);
  });

  it("ends a deadlock of two upgraders by aborting the younger, lease and all", () => {
    const world = new LockWorld();
    for (const name of ["a", "b"]) {
      world.now += 1;
      world.ask(name, "l", "shared");
    }
    world.ask("b", "l", "exclusive");
    world.ask("a", "l", "exclusive");
    const scenario = new CoordinatorScenario(world);
    scenario.flush();
    expect(victims(scenario)).toEqual(["b"]);
    expect(world.lock("l").book.holders).toMatchObject([{ session_id: "a", mode: "exclusive" }]);
  });

  it("tells sessions of the same id but another agent apart", () => {
    const world = new LockWorld();
    const scenario = new CoordinatorScenario(world);
    world.ask("a", "l");
    world.ask("b", "m");
    world.ask("a", "m");
    world.ask("b", "l");
    const reports = world.reports();
    const renamed = reports.map((report) => ({
      ...report,
      holders: report.holders.map((one) => ({ ...one, session: "same" })),
      queue: report.queue.map((one) => ({ ...one, session: "same", agent: `other-${one.agent}` })),
    }));
    const commands = renamed.flatMap((report) => scenario.coordination.report(report, world.now));
    expect(commands.map((command) => command.do)).toEqual(["remember_lock", "remember_lock"]);
  });

  it("drops the case when a link is gone by the time it asks, and sees what is there instead", () => {
    const world = holding("a", "b");
    world.ask("a", "b");
    world.ask("b", "a");
    const scenario = new CoordinatorScenario(world);
    for (const name of world.names) scenario.report(name);
    scenario.deliver();
    scenario.deliver();
    world.release("b", "a");
    scenario.calm();
    expect(victims(scenario)).toEqual([]);
    world.ask("b", "a");
    scenario.flush();
    expect(victims(scenario)).toEqual(["b"]);
  });

  it("aborts nobody while a lock does not answer, and tries again within five seconds", () => {
    const world = holding("a", "b");
    world.ask("a", "b");
    world.ask("b", "a");
    const scenario = new CoordinatorScenario(world);
    for (const name of world.names) scenario.report(name);
    scenario.deliver();
    scenario.deliver();
    expect(scenario.underWay).toHaveLength(2);
    scenario.lose();
    scenario.deliver();
    scenario.deliver();
    expect([victims(scenario), scenario.underWay]).toEqual([[], []]);
    expect(scenario.coordination.nextTickAt(world.now)).toBe(world.now + 5_000);
    scenario.calm();
    expect(victims(scenario)).toEqual(["b"]);
  });

  it("lets the case go when the victim got its lock before the abort, and releases nothing else", () => {
    const world = holding("a", "b");
    world.ask("a", "b");
    world.ask("b", "a");
    const scenario = new CoordinatorScenario(world, { aborting: () => world.release("a", "a") });
    scenario.flush();
    expect(victims(scenario)).toEqual([]);
    expect([world.entry("b", "a"), world.entry("b", "b")]).toMatchObject([{ token: 2 }, { token: 1 }]);
  });

  it("asks a lock that denies what the graph goes on to say again later, and not at once for ever", () => {
    for (const deadEnd of ["confirm", "abort"]) {
      const world = holding("a", "b");
      world.ask("a", "b");
      world.ask("b", "a");
      let cases = 0;
      let isDenied = false;
      const deny = (when: string) => {
        if (isDenied || when !== deadEnd) return;
        isDenied = true;
        world.restart("a", 0);
        world.release("b", "a");
      };
      const scenario = new CoordinatorScenario(world, {
        asked: () => {
          cases += 1;
          deny("confirm");
        },
        aborting: () => deny("abort"),
      });
      for (const name of world.names) scenario.report(name);
      scenario.deliverAll();
      const asked = cases;
      expect(asked, deadEnd).toBe(1);
      expect(scenario.coordination.nextTickAt(world.now)).toBe(world.now + 5_000);
      scenario.tick();
      scenario.deliverAll();
      expect(cases, deadEnd).toBe(asked + 1);
      expect(victims(scenario)).toEqual([]);
      world.restart("a", 9);
      world.ask("b", "a");
      scenario.flush();
      expect(victims(scenario), deadEnd).toEqual(["b"]);
    }
  });

  it("tries to let a reader in who stays where it is in the graph again later, and not at once for ever", () => {
    const world = readerBehindWriter();
    const scenario = new CoordinatorScenario(world);
    for (const name of world.names) scenario.report(name);
    scenario.deliver();
    world.restart("l", 0);
    scenario.deliverAll();
    expect([scenario.letIn, victims(scenario)]).toEqual([[world.idIn("r", "l")], []]);
    expect(scenario.coordination.nextTickAt(world.now)).toBe(world.now + 5_000);
  });

  it("names its cases as no earlier life did, though the clock says the same again", () => {
    const world = holding("a", "b");
    world.ask("a", "b");
    world.ask("b", "a");
    const cases: string[] = [];
    const scenario = new CoordinatorScenario(world, { asked: ({ id }) => cases.push(id) });
    for (let life = 0; life < 2; life += 1) {
      for (const name of world.names) scenario.report(name);
      while (cases.length <= life) scenario.deliver();
      scenario.underWay.splice(0);
      scenario.restart();
      for (const name of world.names) world.restart(name);
    }
    expect(new Set(cases).size).toBe(2);
  });

  it("finds what was pending at a crash: it asks the locks that it knew by name", () => {
    const world = holding("a", "b");
    world.ask("a", "b");
    const scenario = new CoordinatorScenario(world);
    scenario.flush();
    world.ask("b", "a");
    scenario.report("a");
    scenario.deliver();
    scenario.underWay.length = 0;
    scenario.restart();
    scenario.calm();
    expect(victims(scenario)).toEqual(["b"]);
  });

  it("brings an abort that was under way at a crash to its end, but spares the victim's retry", () => {
    const world = holding("a", "b");
    world.ask("a", "b");
    world.ask("b", "a");
    const scenario = new CoordinatorScenario(world);
    for (const name of world.names) scenario.report(name);
    while (world.entry("b", "a") !== undefined) scenario.deliver();
    world.now += 200;
    world.ask("b", "a");
    world.now += 200;
    scenario.restart();
    scenario.calm();
    expect(victims(scenario)).toEqual(["b"]);
    expect(world.entry("b", "b")).toBeUndefined();
    expect(world.entry("b", "a")).toBeDefined();
  });

  it("makes the other one give way when a victim meets the next rival, and lengthens the backoff of who was hit twice", () => {
    const world = holding("rival", "b");
    const scenario = new CoordinatorScenario(world);
    const clash = (other: string) => {
      world.ask(other, "b");
      world.ask("b", other);
      scenario.flush();
    };
    clash("rival");
    world.release("rival", "b");
    world.ask("b", "b");
    world.now += 10;
    world.ask("late", "late");
    scenario.restart();
    clash("late");
    expect(victims(scenario)).toEqual(["b", "late"]);
  });

  it("forgets names of locks that are no longer contended", () => {
    const world = holding("a");
    world.ask("b", "a");
    const { coordination } = new CoordinatorScenario(world);
    const commands = world.reports().flatMap((report) => coordination.report(report, world.now));
    expect(commands).toEqual([{ do: "remember_lock", lock: "a" }]);
    world.release("b", "a");
    const more = world.reports().flatMap((report) => coordination.report(report, world.now));
    expect(more).toEqual([{ do: "forget_lock", lock: "a" }]);
    world.now += 65_000;
    coordination.tick(world.now);
    expect(coordination.nextTickAt(world.now)).toBeUndefined();
  });
});
