import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { connectionOf, serverUrl, tokenOf } from "./connection.ts";
import { NO_PROFILES, profilesPath, readProfiles, writeProfiles } from "./stored-profiles.ts";

const folder = mkdtempSync(join(tmpdir(), "countersign-profiles-"));
afterAll(() => rmSync(folder, { recursive: true }));

const stored = {
  current: "work",
  profiles: {
    work: { url: "https://work.example", token: "cs_work", workspace: "shop" },
    home: { url: "http://127.0.0.1:8787", token: "cs_home" },
  },
};

describe("where to call and as whom", () => {
  it("flags go before the environment, that before the profile", () => {
    expect(connectionOf(stored, {}, {})).toEqual({ url: "https://work.example", token: "cs_work", workspace: "shop" });
    expect(connectionOf(stored, { COUNTERSIGN_PROFILE: "home" }, {})).toMatchObject({ token: "cs_home" });
    expect(connectionOf(stored, { COUNTERSIGN_PROFILE: "home" }, { profile: "work" }).token).toBe("cs_work");
    const env = { COUNTERSIGN_URL: "https://ci.example", COUNTERSIGN_TOKEN: "cs_ci", COUNTERSIGN_WORKSPACE: "ci" };
    expect(connectionOf(stored, env, {})).toEqual({ url: "https://ci.example", token: "cs_ci", workspace: "ci" });
    expect(connectionOf(stored, env, { url: "https://flag.example/" }).url).toBe("https://flag.example");
    expect(connectionOf(NO_PROFILES, {}, {}).url).toBe("http://127.0.0.1:8787");
  });

  it("a stored token goes to no other server, and the failure says why and what to do", () => {
    const elsewhere = connectionOf(stored, { COUNTERSIGN_URL: "https://evil.example" }, {});
    expect(elsewhere.token).toBeUndefined();
    expect(() => tokenOf(elsewhere)).toThrow("the token of profile work is for https://work.example");
    expect(() => tokenOf(connectionOf(NO_PROFILES, {}, {}))).toThrow("you are not logged in");
  });

  it("a token that no header can carry is refused before it is sent; blanks around one do not count", () => {
    const own = (COUNTERSIGN_TOKEN: string) => tokenOf(connectionOf(NO_PROFILES, { COUNTERSIGN_TOKEN }, {}));
    expect(own(" cs_1\n")).toBe("cs_1");
    for (const token of ["字", "cs_1\ncs_2", "cs 1", "cs_\u0007", " "])
      expect(() => own(token)).toThrow("this is no token");
  });

  it("refuses profiles that are not stored, and what is no web address", () => {
    for (const profile of ["none", "constructor", "__proto__"])
      expect(() => connectionOf(stored, {}, { profile })).toThrow("there is no profile");
    for (const url of ["", "countersign", "ftp://x", "file:///etc"]) expect(() => serverUrl(url)).toThrow("no http");
    expect(serverUrl("https://x.example/cs/api/v1/")).toBe("https://x.example/cs");
  });
});

describe("stored profiles", () => {
  it("are written for their owner alone, also over a file that others could read", () => {
    const path = profilesPath({ XDG_CONFIG_HOME: folder });
    expect(readProfiles(path)).toEqual(NO_PROFILES);
    mkdirSync(join(folder, "countersign"));
    writeFileSync(path, "{}");
    chmodSync(path, 0o644);
    writeProfiles(path, stored);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(readProfiles(path)).toEqual(stored);
  });

  it("that are broken are an error that names the file, not an empty list", () => {
    for (const [at, text] of ["{", "[]", '{"current":"x","profiles":{"x":{}}}', "null"].entries()) {
      const path = join(folder, `${at}.json`);
      writeFileSync(path, text);
      expect(() => readProfiles(path), text).toThrow(path);
    }
  });

  it("are in the home directory if XDG_CONFIG_HOME is unset or relative", () => {
    expect(profilesPath({ XDG_CONFIG_HOME: "here" })).toBe(profilesPath({}));
    expect(profilesPath({})).toMatch(/\.config\/countersign\/config\.json$/);
  });
});
