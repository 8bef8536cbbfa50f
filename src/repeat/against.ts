// What the other side of a repetition is, where --against names a YAML file: as the base, with what the file says in place of flags,
// variables and the base's own config file. Loads YAML: imported when there is such a file.

import { type Config, readConfig } from "../config.js";
import { type Flag, RUN_FLAGS, variableOf } from "../flags.js";
import type { Environment, RawFlags } from "../options.js";

export interface Overlay {
  /** The flags of the base and, before them, the file's. */
  readonly raw: RawFlags;
  /** Without what the file has something else in place of. */
  readonly environment: (base: Environment) => Environment;
  /** Likewise; with the rules of the file, where it has any. */
  readonly config: (base: Config | undefined) => Config | undefined;
}

/** What is said in other words by an option, and could not stand beside it. */
const IN_PLACE_OF: Readonly<Record<string, readonly string[]>> = {
  rate: ["stage"],
  duration: ["stage"],
  stage: ["rate", "duration"],
  password: ["password-file"],
  "password-file": ["password"],
  "clickhouse-url": ["embedded"],
  embedded: ["clickhouse-url", "tls-ca", "tls-cert", "tls-key", "tls-insecure"],
};

/** Rejects with an OptionsError. */
export async function readAgainst(file: string, base: RawFlags, signal: AbortSignal): Promise<Overlay> {
  const { options, rules } = await readConfig(file, RUN_FLAGS, signal);
  const hasRules = rules.columns.size + rules.omitted.size + rules.together.length > 0;
  const replaced = replacedBy(options);
  const flags: readonly Flag[] = RUN_FLAGS.filter(({ name }) => replaced.has(name));
  const variables = flags.flatMap((flag) => [
    variableOf(flag),
    ...(flag.variable === undefined ? [] : [flag.variable]),
  ]);
  return {
    raw: { ...without(base, replaced), ...options },
    environment: (environment) => without(environment, new Set(variables)),
    config: (config) => {
      const left = config && { ...config, options: without(config.options, replaced) };
      return hasRules ? { file: left?.file ?? file, options: left?.options ?? {}, rules } : left;
    },
  };
}

/** The options of the base that give way to these. */
function replacedBy(options: Config["options"]): ReadonlySet<string> {
  const given = Object.keys(options).filter((name) => !(name === "embedded" && /^(false|0)$/.test(`${options[name]}`)));
  // What is wrong within the file stays wrong.
  return new Set(given.flatMap((name) => IN_PLACE_OF[name] ?? []).filter((name) => options[name] === undefined));
}

const without = <T>(record: Readonly<Record<string, T>>, names: ReadonlySet<string>): Record<string, T> =>
  Object.fromEntries(Object.entries(record).filter(([name]) => !names.has(name)));
