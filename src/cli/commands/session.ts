/** `countersign login | logout | whoami` */
import type { Key } from "node:readline";
import type { Command } from "commander";
import type { Schema } from "../../client/index.ts";
import { tokenOf } from "../profile/connection.ts";
import { profilesPath, readProfiles, writeProfiles } from "../profile/stored-profiles.ts";
import type { Look } from "../terminal/table.ts";
import { usage } from "../terminal/told-failure.ts";
import { type Cli, cancelled } from "./cli.ts";
import { readText } from "./json-input.ts";
import { leaf } from "./options.ts";

export function sessionCommands(program: Command, cli: Cli): void {
  leaf(program, "login", "store a token that works; it is asked for, or read from standard input").action(async () => {
    const path = profilesPath(cli.env);
    const stored = readProfiles(path);
    const name = cli.flags.profile ?? (cli.env.COUNTERSIGN_PROFILE || stored.current);
    // A new profile has no connection of its own yet: flags, environment and defaults make it.
    const known = Object.hasOwn(stored.profiles, name);
    cli.adopt({ ...cli.flags, ...(known ? {} : { profile: stored.current }) });
    const { url, workspace } = cli.connection();
    const token = await askedToken(cli, url);
    const me = await cli.working(`asking ${url}`, () => cli.clientAs(token, { url, workspace }).users.me());
    const profile = { url, token, ...(workspace !== undefined && { workspace }) };
    writeProfiles(path, { current: name, profiles: { ...stored.profiles, [name]: profile } });
    cli.show({ ...me, url, profile: name }, (look) => `${identity(me, look)} at ${url}, profile ${name}`);
  });

  leaf(program, "logout", "forget a stored token").action(() => {
    const path = profilesPath(cli.env);
    const { current, profiles } = readProfiles(path);
    const name = cli.flags.profile ?? current;
    const { [name]: forgotten, ...others } = profiles;
    if (forgotten === undefined) throw usage(`there is no profile ${name}`);
    writeProfiles(path, {
      current: name === current ? (Object.keys(others)[0] ?? "default") : current,
      profiles: others,
    });
    cli.show({ profile: name }, () => `forgot ${name}; the token itself still works until it is revoked`);
  });

  leaf(program, "whoami", "who the server takes you for").action(async () => {
    const me = await cli.client().users.me();
    const { url } = cli.connection();
    cli.show({ ...me, url }, (look) => {
      const scopes = me.scopes === null ? "all that the roles allow" : me.scopes.join(", ");
      return `${identity(me, look)} at ${url}\nroles      ${me.roles.join(", ")}\nscopes     ${scopes}\nworkspace  ${me.workspace}`;
    });
  });
}

function identity({ id, kind }: Schema<"Me">, { paint }: Look): string {
  return `${kind} ${paint("bold", id)}`;
}

async function askedToken(cli: Cli, url: string): Promise<string> {
  const { COUNTERSIGN_TOKEN: given } = cli.env;
  if (given) return tokenOf({ url, workspace: undefined, token: given });
  const token = cli.isInteractive ? await prompted(cli, url) : await readText("-", cli.streams.stdin);
  if (token.trim() === "") throw usage("no token was given", "echo $TOKEN | countersign login");
  return tokenOf({ url, workspace: undefined, token });
}

async function prompted({ streams }: Cli, url: string): Promise<string> {
  const { isCancel, password } = await import("@clack/prompts");
  // Ctrl-D closes the input and with it all that would ever answer.
  const closed = new AbortController();
  const onKey = (_: unknown, { ctrl, name }: Key) => ctrl && name === "d" && closed.abort();
  process.stdin.on("keypress", onKey);
  try {
    const answer = await password({ message: `Token for ${url}`, output: streams.stderr, signal: closed.signal });
    if (isCancel(answer)) throw cancelled();
    return answer;
  } finally {
    process.stdin.off("keypress", onKey);
  }
}
