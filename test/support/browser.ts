// A page in a real browser (Debian's chromium), served from a port of its own on 127.0.0.1.

import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Undefined where there is none. */
export const BROWSER = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find((path) =>
  existsSync(path),
);

/** Opens the page, and resolves with what it posts to its own server; then the browser is gone, and all it wrote. */
export async function visit(browser: string, html: string): Promise<unknown> {
  const folder = mkdtempSync(join(tmpdir(), "clickstorm-browser-"));
  let hear: (text: string) => void = () => undefined;
  const heard = new Promise<string>((resolve) => (hear = resolve));
  const page = createServer((message, response) => {
    let text = "";
    message.on("data", (chunk) => (text += chunk));
    message.on("end", () => {
      response.setHeader("content-type", "text/html");
      response.end(html);
      if (message.method === "POST") hear(text);
    });
  });
  await new Promise<void>((resolve) => page.listen(0, "127.0.0.1", resolve));
  const { port } = page.address() as AddressInfo;
  const child = spawn(
    browser,
    [
      ...["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"],
      `--user-data-dir=${folder}`,
      `http://127.0.0.1:${port}/`,
    ],
    // A group of its own: it starts others. Some of what it writes goes to TMPDIR.
    { detached: true, stdio: "ignore", env: { ...process.env, TMPDIR: folder } },
  );
  const gone = new Promise<string>((_, reject) => {
    child.on("error", reject);
    child.on("close", (code, signal) => reject(new Error(`the browser has ended: ${signal ?? code}`)));
  });
  try {
    return JSON.parse(await Promise.race([heard, gone]));
  } finally {
    if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, "SIGKILL");
    await gone.catch(() => undefined);
    page.close();
    page.closeAllConnections();
    rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
  }
}
