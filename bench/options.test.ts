import { describe, expect, test } from "vitest";
import { commandLine, folder, positive, whole } from "./options.ts";

const about = {
  command: "npm run soak",
  about: "rounds",
  options: { seed: whole("which programs", 7), minutes: positive("how long", 3), evidence: folder("where to") },
};
const given = (...args: string[]) => commandLine(args, about);

describe("a command line", () => {
  test("without options takes what is said otherwise", () => {
    expect(given()).toEqual({ do: "run", values: { seed: 7, minutes: 3, evidence: undefined } });
  });

  test("takes each value, behind a blank or an =", () => {
    const values = { seed: 0, minutes: 0.5, evidence: "a b" };
    expect(given("--seed", "0", "--minutes=0.5", "--evidence", "a b")).toEqual({ do: "run", values });
  });

  test.each(["--help", "-h"])("with %s tells every option, whatever else it says", (help) => {
    const told = given(help, "--seed", "x");
    expect(told.do).toBe("help");
    for (const option of ["npm run soak: rounds", "--seed N", "--minutes N", "--evidence FOLDER", "--help"]) {
      expect(told).toMatchObject({ text: expect.stringContaining(option) });
    }
  });

  test.each([
    ["--seed", "-1"],
    ["--seed=-1"],
    ["--seed=1.5"],
    ["--seed=1e3"],
    ["--seed="],
    ["--seed", "12345678901234567890"],
    ["--minutes=0"],
    ["--minutes=-2"],
    ["--minutes=Infinity"],
    ["--minutes= 3"],
    ["--evidence="],
    ["--seed"],
    ["--sed", "1"],
    ["7"],
  ])("%s is refused, and says where to look", (...args) => {
    expect(given(...args)).toEqual({ do: "refuse", text: expect.stringMatching(/.+; npm run soak -- --help tells/s) });
  });

  test("names the option that is wrong, and what it must be", () => {
    expect(given("--seed=x")).toMatchObject({
      text: expect.stringContaining("--seed must be a whole number from 0 on"),
    });
    expect(commandLine(["--runs=0"], { ...about, options: { runs: whole("", 5, 1) } }).do).toBe("refuse");
  });
});
