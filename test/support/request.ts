// One question to a ClickHouse over a connection of its own, with what its answer says besides the text.

import { request } from "node:http";

export interface Answer {
  readonly status: number;
  /** The exception number. */
  readonly code: string | undefined;
  readonly text: string;
}

export interface AskOptions {
  readonly user?: string;
  readonly password?: string;
  readonly parameters?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Without keep-alive: the server waits five seconds for an idle connection when it is stopped. */
export function ask(url: string, sql: string, options: AskOptions = {}): Promise<Answer> {
  const { user, password, parameters = {}, headers = {} } = options;
  const target = `${url}/?${new URLSearchParams(parameters)}`;
  const login = {
    ...(user === undefined ? {} : { "X-ClickHouse-User": user }),
    ...(password === undefined ? {} : { "X-ClickHouse-Key": password }),
  };
  return new Promise((settle, fail) => {
    const post = request(target, { method: "POST", agent: false, headers: { ...login, ...headers } }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (chunk: string) => {
        text += chunk;
      });
      response.on("end", () => {
        const code = response.headers["x-clickhouse-exception-code"];
        settle({ status: response.statusCode ?? 0, code: code?.toString(), text: text.trim() });
      });
    });
    post.on("error", fail);
    post.end(sql);
  });
}
