/** Facts for `assess`: configuration and history from D1, attributes from the resources' actors, all at once. */
import { fail, ok, type Result } from "../actor/result.ts";
import type { Env } from "../env.ts";
import { resourceOf } from "../locks/lock-api.ts";
import { causeOf, log } from "../log.ts";
import type { Facts } from "./assess.ts";
import type { TaskConfig } from "./contract.ts";
import { type ConfigurationFacts, readConfigurationFacts } from "./facts.ts";
import { resourcesByKey } from "./resource-key.ts";

export interface FactsAbout {
  readonly config: TaskConfig;
  readonly author: { readonly id: string; readonly roles?: readonly string[] };
  /** The task itself, if it exists already. */
  readonly task_id?: string;
  /** People to be looked at whatever their roles: requested reviewers. */
  readonly people?: readonly string[];
}

/** Reads the world as it stands. `UNAVAILABLE` while D1 does not answer. */
export async function gatherFacts(env: Env, workspace: string, about: FactsAbout): Promise<Result<Facts>> {
  const keys = [...resourcesByKey(about.config.resources).keys()];
  const [known, states] = await Promise.all([
    configurationFacts(env, workspace, keys, about),
    Promise.all(keys.map((key) => resourceOf(env, workspace, key).state(`resource:${key}`))),
  ]);
  if (!known.ok) return known;
  const { criticality, history, policies, reviewers, delegations, ...relations } = known.value;
  const resources = Object.fromEntries(
    keys.map((key, at) => [key, { attributes: states[at]?.attributes ?? {}, revision: states[at]?.revision ?? 0 }]),
  );
  const author = reviewers.find(({ id }) => id === about.author.id);
  return ok({
    preview: { ...relations, resources },
    criticality,
    history,
    policies,
    reviewers,
    delegations,
    author_roles: author?.roles ?? about.author.roles ?? [],
    author_id: about.author.id,
    backlog_limit: Number(env.APPROVAL_BACKLOG),
  });
}

async function configurationFacts(
  env: Env,
  workspace: string,
  keys: readonly string[],
  { config, author, task_id, people = [] }: FactsAbout,
): Promise<Result<ConfigurationFacts>> {
  try {
    const question = {
      keys,
      task_type: config.type,
      people: [author.id, ...people],
      ...(task_id !== undefined && { task_id }),
    };
    return ok(await readConfigurationFacts(env.DB, workspace, question));
  } catch (thrown) {
    log("error", "facts.unreadable", { cause: causeOf(thrown) });
    return fail("UNAVAILABLE", "the database does not answer, try again", { retry_after_seconds: 2 });
  }
}
