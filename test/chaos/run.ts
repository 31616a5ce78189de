/** One run: a fresh server under load and faults for a while, then everything that must hold (05, "Audit"; 01, "The actor kit"). */
import { setTimeout as pause } from "node:timers/promises";
import type { AuditRow } from "../../src/audit/contract.ts";
import { castOf } from "../support/main-job.ts";
import { Random } from "../support/random.ts";
import { ChaosServer } from "./chaos-server.ts";
import { NO_FAULTS } from "./faults.ts";
import { type Checked, checked, type Finding } from "./invariants.ts";
import { keyOf, Load, RESOURCES } from "./load.ts";
import { type Program, programOf } from "./program.ts";
import { Receiver, WEBHOOK } from "./receiver.ts";
import { PollingSubscriber, SocketSubscriber } from "./subscriber.ts";

export interface Outcome {
  readonly seed: number;
  readonly findings: readonly Finding[];
  readonly figures: Readonly<Record<string, number>>;
  /** what the server said in its last life */
  readonly log: string;
  readonly trail: readonly AuditRow[];
}

/** Plays a program of faults, by default one of so many `ms` that follows from the seed. */
export async function run(seed: number, ms: number, given?: Program): Promise<Outcome> {
  const random = new Random(seed);
  const program = given ?? programOf(random, ms);
  const server = await ChaosServer.start();
  const cast = await castOf(server.url);
  const { root, author, reviewers, agent, heir } = cast;
  const receiver = await Receiver.listen(root);
  const load = new Load(cast, random);
  const resources = RESOURCES.map((name) => `resource:${keyOf(name)}`);
  const people = [author, ...reviewers].map(({ id }) => `user:${id}`);
  const channels = ["locks", "system", ...resources, ...people, `agent:${agent.id}`];
  const subscribers = [new SocketSubscriber(root, channels), new PollingSubscriber(root, channels)];

  const listening = subscribers.map((one) => one.run());
  const failures: string[] = [];
  const working = load.run().catch((thrown) => void failures.push(String(thrown)));
  for (const step of program) {
    if (step.do === "kill") await server.kill(step.down_ms);
    else await Promise.all([server.beset(step.with), receiver.be(step.with.receiver)]);
    await pause(step.for_ms);
    if (step.do === "beset" && step.until_met) await receiver.hasMet(step.with.receiver);
  }
  await Promise.all([server.beset(NO_FAULTS), receiver.be(NO_FAULTS.receiver)]);
  const stopped_at = Date.now();
  load.stop();
  await working;
  const calm_at = Date.now();
  const actors = [
    ...load.tasks.map((id) => `task:${id}`),
    ...resources,
    ...[agent, heir].map(({ id }) => `agent:${id}`),
    ...[author, ...reviewers].map(({ id }) => `inbox:${id}`),
    ...["dispatch", "coordinator", "config", `webhook:${WEBHOOK}`],
  ];
  const result: Checked = await checked({ server, root, load, subscribers, receiver, actors, calm_at });
  for (const one of subscribers) one.stop();
  await Promise.all(listening);
  await server.beset(NO_FAULTS);
  const { findings, trail, ...figures } = result;
  const log = server.log();
  await Promise.all([server.end(), receiver.close()]);
  return {
    seed,
    findings: [
      ...failures.map((evidence) => ({ invariant: "no answer is inexplicable", evidence: [evidence] })),
      ...findings,
    ],
    figures: {
      operations: load.operations,
      tasks: load.tasks.length,
      facts: load.facts.size + load.acknowledged.size,
      kills: server.kills,
      ...server.mishaps,
      ...receiver.met,
      ...load.unavailable,
      connections: subscribers.reduce((sum, { connections }) => sum + connections, 0),
      ...figures,
      ended_ms: calm_at - stopped_at,
    },
    log,
    trail,
  };
}
