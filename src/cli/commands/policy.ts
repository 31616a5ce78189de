/** `countersign policy …` */
import type { Command } from "commander";
import { type Countersign, isCountersignError, type Schema } from "../../client/index.ts";
import { type Column, table } from "../terminal/table.ts";
import { usage } from "../terminal/told-failure.ts";
import { listed } from "../views/page-note.ts";
import type { Cli } from "./cli.ts";
import { isObject, readJson } from "./json-input.ts";
import { leaf, type Paging, paged, paging } from "./options.ts";

type Policy = Schema<"ReviewerPolicy">;

const COLUMNS: readonly Column<Policy>[] = [
  { title: "POLICY", text: ({ id }) => id },
  { title: "NAME", text: ({ name }) => name, flexible: true },
  { title: "NEEDS", text: ({ min_approvers = 1 }) => String(min_approvers) },
  {
    title: "OF",
    text: ({ required_roles = [], required_reviewers = [] }) =>
      [...required_roles, ...required_reviewers].join(", ") || "any",
    flexible: true,
  },
  { title: "TYPES", text: ({ task_types = [] }) => task_types.join(", ") || "*", flexible: true },
  { title: "RESOURCES", text: ({ resource_patterns = [] }) => resource_patterns.join(", ") || "*", flexible: true },
  { title: "", text: ({ enabled }) => (enabled === false ? "disabled" : ""), ink: () => "dim" },
];

export function policyCommands(program: Command, cli: Cli): void {
  const policy = program.command("policy").description("who must agree to what");

  paged(leaf(policy, "ls", "list reviewer policies")).action(async (flags: Paging) => {
    const answer = await cli.client().policies.list(paging(flags));
    cli.show(answer, (look) =>
      listed(
        table(COLUMNS, answer.policies, look),
        answer.pagination,
        look,
        "no policies: one approval of any reviewer suffices",
      ),
    );
  });

  leaf(policy, "apply", "make policies what a file says: each by its id, others stay as they are")
    .requiredOption("-f, --file <path>", "JSON: a policy, or a list of them; - reads standard input")
    .action(async ({ file }: { file: string }) => {
      const policies = identified(await readJson(file, cli.streams.stdin));
      const client = cli.client();
      const applied: Policy[] = [];
      await cli.working(`applying ${policies.length} policies`, async (tell) => {
        for (const { id, ...rest } of policies) {
          tell(`${id} (${applied.length + 1} of ${policies.length})`);
          applied.push(await putOrCreate(client, id, rest));
        }
      });
      cli.show({ policies: applied }, ({ paint }) =>
        applied.map(({ id, name }) => `${paint("green", "✓")} ${id}  ${name}`).join("\n"),
      );
    });
}

async function putOrCreate(client: Countersign, id: string, policy: Schema<"ReviewerPolicyInput">): Promise<Policy> {
  try {
    return await client.policies.put(id, policy);
  } catch (thrown) {
    if (!isCountersignError(thrown, "POLICY_NOT_FOUND")) throw thrown;
    return client.policies.create({ id, ...policy });
  }
}

type Identified = Schema<"ReviewerPolicyInput"> & { readonly id: string };

/** Without an id it would be another policy every time. The rest is for the server to judge. */
function identified(value: unknown): Identified[] {
  const list: readonly unknown[] = Array.isArray(value) ? value : [value];
  return list.map((one, at) => {
    if (!isObject(one)) throw usage("a policy is a JSON object");
    if (typeof one.id !== "string")
      throw usage(`policy ${at + 1} has no id`, "give it one, so that it can be applied again");
    return one as Identified;
  });
}
