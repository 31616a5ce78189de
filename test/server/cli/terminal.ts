/** `countersign` where somebody sits in front of it, and where nobody does. */
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { envFor, run, startOnTerminal } from "../../support/command-line.ts";
import type { Cast } from "../../support/main-job.ts";
import { temporaryFolder, until } from "../../support/server.ts";
import type { SharedServer } from "../../support/shared-server.ts";

export function terminalSuite(shared: SharedServer): void {
  let cast: Cast;
  let alice: Record<string, string>;
  beforeAll(async () => {
    cast = await shared.cast("cli-terminal");
    alice = envFor(shared.url, cast.author.token);
  });

  const ESCAPE = "\x1b[";

  test("login asks for the token, shows none of it, and keeps it; logout forgets it", async () => {
    const home = { XDG_CONFIG_HOME: temporaryFolder(), COUNTERSIGN_URL: shared.url };
    const path = join(home.XDG_CONFIG_HOME, "countersign/config.json");
    const login = startOnTerminal(["login"], home);
    await until(() => login.screen().includes(`Token for ${shared.url}`));
    login.press(cast.author.token);
    await until(() => login.screen().includes("▪"));
    login.press("\r");
    expect(await login.ended).toBe(0);
    expect(login.screen()).toContain("alice");
    expect(login.screen()).not.toContain(cast.author.token.slice(0, 8));
    expect(readFileSync(path, "utf8")).toContain(cast.author.token);

    expect(await run(["whoami"], home)).toMatchObject({ code: 0, stderr: "" });
    expect(await run(["logout", "--profile", "other"], home)).toMatchObject({ code: 2, stdout: "" });
    const logout = await run(["logout"], home);
    expect(logout).toMatchObject({ code: 0, stdout: expect.stringContaining("until it is revoked") });
    expect(readFileSync(path, "utf8")).not.toContain(cast.author.token);
    expect(await run(["whoami"], home)).toMatchObject({ code: 3 });
    expect(await run(["logout"], home)).toMatchObject({ code: 2 });
  });

  test("who does not answer a question ends with 130, and nothing is stored", async () => {
    const home = { XDG_CONFIG_HOME: temporaryFolder(), COUNTERSIGN_URL: shared.url };
    for (const key of ["\x03", "\x04"]) {
      const login = startOnTerminal(["login"], home);
      await until(() => login.screen().includes("Token for"));
      login.press(key);
      expect(await login.ended).toBe(130);
      expect(login.screen()).not.toContain("Warning");
    }
    expect(() => statSync(join(home.XDG_CONFIG_HOME, "countersign"))).toThrow();
  });

  test("there is colour on a terminal, unless NO_COLOR or --no-color or a dumb terminal is against it", async () => {
    const seen = async (args: string[], env: Record<string, string> = {}) => {
      const shown = startOnTerminal(["whoami", ...args], { ...alice, ...env });
      expect(await shown.ended).toBe(0);
      expect(shown.screen()).toContain("alice");
      return shown.screen().includes(ESCAPE);
    };
    const coloured = await Promise.all([
      seen([]),
      seen([], { NO_COLOR: "1" }),
      seen(["--no-color"]),
      seen([], { TERM: "dumb" }),
    ]);
    expect(coloured).toEqual([true, false, false, false]);
  });

  test("without a terminal there is no colour, no question and no spinner, unless FORCE_COLOR wants colour", async () => {
    const [plain, forced, both, asked] = await Promise.all([
      run(["whoami"], alice),
      run(["whoami"], { ...alice, FORCE_COLOR: "1" }),
      run(["whoami"], { ...alice, FORCE_COLOR: "1", NO_COLOR: "1" }),
      run(["login"], { COUNTERSIGN_URL: shared.url, XDG_CONFIG_HOME: temporaryFolder() }),
    ]);
    expect([plain, forced, both].map(({ stdout }) => stdout.includes(ESCAPE))).toEqual([false, true, false]);
    expect(asked).toMatchObject({
      code: 2,
      stdout: "",
      stderr: expect.stringContaining("echo $TOKEN | countersign login"),
    });
  });

  test("a spinner turns for who looks on, not for --json and not in CI", async () => {
    const stderr = async (args: string[], env: Record<string, string> = {}) =>
      (await run(["doctor", ...args], { ...alice, ...env }, "", true)).stderr;
    expect(await stderr([])).toContain("looking");
    expect([await stderr(["--json"]), await stderr([], { CI: "true" })]).toEqual(["", ""]);
  });
}
