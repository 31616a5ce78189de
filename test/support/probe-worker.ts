/** The worker of the kit's own tests: probes under the bindings of the real actors, and no routes. */
export { ProbeActor, ProbeLedger } from "./probe-actor.ts";

export default {
  fetch(): Response {
    return new Response("the kit's tests have no routes", { status: 404 });
  },
};
