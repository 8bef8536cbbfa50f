// OpenMetrics 1.0: who asks for it, and how metrics are written in it. The library's own writer renames its counters for good, and a
// registry of its has one format for ever: here every scraper gets the one it asks for. Pure.

export const OPEN_METRICS_TYPE = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/** As far as it is read here: what the library's getMetricsAsJSON() answers, and what our histograms add to that. */
export interface Family {
  readonly name: string;
  readonly help: string;
  readonly type: unknown;
  readonly values: readonly Sample[];
}

export interface Sample {
  readonly value: number;
  readonly labels: Readonly<Partial<Record<string, string | number>>>;
  /** Default: the family's. */
  readonly metricName?: string;
  /** Null where the library has none. */
  readonly exemplar?: null | {
    readonly labels: Readonly<Record<string, string>>;
    readonly value: number;
    /** Seconds since the epoch. */
    readonly atS: number;
  };
}

/** Whether a request with this Accept header is better served by it than by the text format, which is for all others. */
export function wantsOpenMetrics(accept: string | undefined): boolean {
  let [open, plain] = [0, 0];
  for (const range of (accept ?? "").toLowerCase().split(",")) {
    const [type, ...parameters] = range.split(";").map((part) => part.trim());
    const parameter = (name: string): string | undefined =>
      parameters.find((text) => text.startsWith(`${name}=`))?.slice(name.length + 1);
    const weight = Number(parameter("q") ?? 1);
    if (!(weight > 0)) continue;
    // Of the versions before the first nobody is left who knows no other.
    if (type === "application/openmetrics-text" && (parameter("version") ?? "1.0.0") === "1.0.0") {
      open = Math.max(open, weight);
    } else if (type === "text/plain") plain = Math.max(plain, weight);
  }
  return open > 0 && open >= plain;
}

/** The whole answer to a scrape. */
export const toOpenMetrics = (families: readonly Family[]): string =>
  `${families.flatMap(familyLines).join("\n")}\n# EOF\n`;

const COUNTED = "_total";

function familyLines({ name, help, type, values }: Family): readonly string[] {
  const isCounter = type === "counter";
  const family = isCounter && name.endsWith(COUNTED) ? name.slice(0, -COUNTED.length) : name;
  return [
    `# TYPE ${family} ${type}`,
    `# HELP ${family} ${escaped(help)}`,
    ...values.map((sample) => sampleLine(isCounter ? `${family}${COUNTED}` : (sample.metricName ?? family), sample)),
  ];
}

function sampleLine(name: string, { value, labels, exemplar }: Sample): string {
  const line = `${name}${labelsText(labels)} ${numberText(value)}`;
  if (exemplar === undefined || exemplar === null) return line;
  return `${line} # ${labelsText(exemplar.labels) || "{}"} ${numberText(exemplar.value)} ${exemplar.atS.toFixed(3)}`;
}

function labelsText(labels: Sample["labels"]): string {
  const texts = Object.entries(labels).map(([label, value]) => {
    // There a number has a point, so that it is written in one way alone.
    const text = label === "le" && Number.isInteger(value) ? `${value}.0` : String(value);
    return `${label}="${escaped(text)}"`;
  });
  return texts.length === 0 ? "" : `{${texts.join(",")}}`;
}

const escaped = (text: string): string => text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n").replaceAll('"', '\\"');

function numberText(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return "+Inf";
  return value === Number.NEGATIVE_INFINITY ? "-Inf" : String(value);
}
