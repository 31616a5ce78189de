/** A browser, on a page of another origin than the server's, which imports the client as a page does. */
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join, normalize } from "node:path";
import { chromium } from "playwright-core";
import type { Runtime } from "./runtime.ts";
import type { Meeting } from "./scenario.ts";

const PLACES = [
  "/usr/bin/chromium",
  "/usr/bin/google-chrome",
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
];

const PAGE = `<!doctype html>
<script type="importmap">
  { "imports": { "countersign/client": "/node_modules/countersign/dist/client/index.js" } }
</script>`;

export class Browser implements Runtime {
  readonly name = "browser";
  readonly missing = "install Chromium, or set CHROMIUM_BIN to its path";
  readonly origin: string;
  readonly #executable = [process.env.CHROMIUM_BIN, ...PLACES].find((path) => path !== undefined && existsSync(path));

  /** Serves the files of a project to its pages. */
  static async serving(project: string): Promise<Browser> {
    const server = createServer(({ url = "/" }, response) => {
      const path = normalize(new URL(url, "http://page").pathname);
      const file = join(project, path);
      if (path === "/") response.setHeader("Content-Type", "text/html").end(PAGE);
      else if (!path.endsWith(".js") || !existsSync(file)) response.writeHead(404).end();
      else response.setHeader("Content-Type", "text/javascript").end(readFileSync(file));
    });
    await once(server.listen(0, "127.0.0.1"), "listening");
    server.unref();
    return new Browser(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  }

  private constructor(origin: string) {
    this.origin = origin;
  }

  async version(): Promise<string | undefined> {
    if (this.#executable === undefined) return undefined;
    const browser = await this.#launch(this.#executable);
    const version = browser.version();
    await browser.close();
    return version;
  }

  async run(meeting: Meeting, tell: (step: string) => void): Promise<void> {
    if (this.#executable === undefined) throw new Error(this.missing);
    const browser = await this.#launch(this.#executable);
    try {
      const page = await browser.newPage();
      await page.exposeFunction("tell", tell);
      await page.goto(this.origin);
      await page.evaluate(`import("/scenario.js").then(({ scenario }) => scenario(${JSON.stringify(meeting)}, tell))`);
    } finally {
      await browser.close();
    }
  }

  #launch(executablePath: string) {
    return chromium.launch({ executablePath, args: ["--no-sandbox"] });
  }
}
