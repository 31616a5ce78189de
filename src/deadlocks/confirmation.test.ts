import { describe, expect, it } from "vitest";
import { type Answer, judged, type Question } from "./confirmation.ts";
import { LockWorld } from "./lock-world.fixture.ts";

const L = "database:orders";

/** The question whether `waiting` still waits for the lease of `holding`. */
function question(world: LockWorld, waiting: string, holding: string): Question {
  const holder = world.entry(holding, L);
  const entry = world.entry(waiting, L);
  const since = entry && "upgrade" in entry && entry.upgrade ? entry.upgrade.requested_at : (entry?.requested_at ?? 0);
  const token = holder && "token" in holder ? holder.token : 0;
  const blocker = { kind: "lease", lease: world.idIn(holding, L), token } as const;
  return { lock: L, claim: world.idIn(waiting, L), since, blocker };
}

/** The question whether `waiting` still waits behind `ahead`, kept apart by the claim of `writer`. */
function queueQuestion(world: LockWorld, waiting: string, ahead: string, writer: string): Question {
  const blocker = { kind: "claim", claim: world.idIn(ahead, L), writer: world.idIn(writer, L) } as const;
  return { ...question(world, waiting, ahead), blocker };
}

describe("a lock that is asked about its link of a cycle", () => {
  it("confirms a claim that waits for a lease that is held", () => {
    const world = new LockWorld();
    world.ask("a", L);
    world.ask("b", L);
    expect(world.answer(question(world, "b", "a")).verdict).toBe("hard");
  });

  it("denies it when the claim is gone, also if the same session asked again", () => {
    const world = new LockWorld();
    world.ask("a", L);
    world.ask("b", L);
    const asked = question(world, "b", "a");
    world.release("b", L);
    world.ask("b", L);
    expect(world.answer(asked)).toMatchObject({
      verdict: "gone",
      report: { kind: "snapshot", queue: [{ session: "b" }] },
    });
  });

  it("denies it when the lease is gone, also if the same session holds another one", () => {
    const world = new LockWorld();
    world.ask("a", L, "shared");
    world.ask("c", L, "shared");
    world.ask("b", L);
    const asked = question(world, "b", "a");
    world.release("a", L);
    expect(world.answer(asked).verdict).toBe("gone");
    world.release("c", L);
    world.release("b", L);
    world.ask("a", L, "shared");
    world.ask("b", L);
    expect(world.answer({ ...question(world, "b", "a"), blocker: asked.blocker }).verdict).toBe("gone");
  });

  it("denies it when the lease has lapsed unnoticed", () => {
    const world = new LockWorld();
    world.ask("a", L, "exclusive", { ttl_ms: 10 });
    world.ask("b", L);
    const asked = question(world, "b", "a");
    world.now += 10;
    expect(world.answer(asked).verdict).toBe("gone");
  });

  it("compares tokens, not only ids: a lease that was upgraded is another one", () => {
    const world = new LockWorld();
    world.ask("a", L, "shared");
    world.ask("b", L);
    const asked = question(world, "b", "a");
    world.ask("a", L, "exclusive");
    expect(world.answer(asked).verdict).toBe("gone");
    expect(world.answer(question(world, "b", "a")).verdict).toBe("hard");
  });

  it("tells an upgrade from a later one of the same lease, which has the same id", () => {
    const world = new LockWorld();
    for (const session of ["a", "b"]) world.ask(session, L, "shared");
    world.ask("a", L, "exclusive");
    const asked = question(world, "a", "b");
    expect(world.answer(asked).verdict).toBe("hard");
    world.downgrade("a", L);
    expect(world.answer(asked).verdict).toBe("gone");
    world.now += 1;
    world.ask("a", L, "exclusive");
    expect(world.answer(asked).verdict).toBe("gone");
    expect(world.answer(question(world, "a", "b")).verdict).toBe("hard");
  });

  it("calls a link soft where only a queued writer or an upgrade holds a reader up", () => {
    const world = new LockWorld();
    for (const session of ["a", "c"]) world.ask(session, L, "shared");
    world.ask("w", L);
    world.ask("r", L, "shared");
    expect(world.answer(question(world, "r", "a")).verdict).toBe("soft");
    expect(world.answer(question(world, "w", "a")).verdict).toBe("hard");
    world.release("w", L);
    world.ask("a", L, "exclusive");
    world.ask("s", L, "shared");
    expect(world.answer(question(world, "s", "c")).verdict).toBe("soft");
  });

  it("knows who is ahead in the queue, and which writer keeps them apart", () => {
    const world = new LockWorld();
    world.ask("h", L);
    world.ask("e", L, "shared");
    world.ask("w", L);
    world.ask("r", L, "shared");
    expect(world.answer(queueQuestion(world, "r", "e", "w")).verdict).toBe("hard");
    expect(world.answer(queueQuestion(world, "r", "w", "w")).verdict).toBe("hard");
    expect(world.answer(queueQuestion(world, "w", "e", "w")).verdict).toBe("hard");
    expect(world.answer(queueQuestion(world, "e", "r", "w")).verdict).toBe("gone");
    expect(world.answer(queueQuestion(world, "w", "w", "w")).verdict).toBe("gone");
    const asked = queueQuestion(world, "r", "e", "w");
    world.downgrade("w", L);
    expect(world.answer(asked).verdict).toBe("gone");
  });

  it("denies any link through an agent lock that has several permits by now", () => {
    const world = new LockWorld();
    world.lock(L, 1);
    for (const session of ["a", "b", "c"]) world.ask(session, L);
    const asked = question(world, "c", "a");
    expect(world.answer(asked).verdict).toBe("hard");
    world.resize(L, 2);
    expect(world.answer(asked).verdict).toBe("gone");
  });
});

describe("the judgement of a case", () => {
  const questions = ["one", "two"].map(
    (claim): Question => ({ lock: L, claim, since: 0, blocker: { kind: "lease", lease: "l", token: 1 } }),
  );
  const answers = (...verdicts: Answer["verdict"][]) =>
    verdicts.map((verdict, at): Answer => ({ lock: L, claim: questions[at]?.claim ?? "", verdict }));

  it("is hard only if every lock confirms its link", () => {
    expect(judged(questions, answers("hard", "hard")).kind).toBe("hard");
    expect(judged(questions, answers("hard", "gone")).kind).toBe("gone");
    expect(judged(questions, answers("soft", "gone")).kind).toBe("gone");
  });

  it("is soft if every link stands and one of them can be opened", () => {
    expect(judged(questions, answers("hard", "soft"))).toEqual({ kind: "soft", link: questions[1] });
  });

  it("is unknown, which aborts nobody, when a lock does not answer", () => {
    expect(judged(questions, answers("hard")).kind).toBe("unknown");
    expect(judged(questions, []).kind).toBe("unknown");
    expect(judged(questions, answers("soft")).kind).toBe("unknown");
  });
});
