/**
 * Reads PromQL: which series a query selects, and which labels its result has. It covers what the dashboard
 * and the alert rules use, and throws for everything else.
 *
 * @module
 */

/** A selector of a query. */
export interface Selector {
  name: string;
  /** The labels that it compares. */
  labels: string[];
  /** The innermost function around it. */
  within: string | null;
  /** Whether it selects a range. */
  range: boolean;
}

/** What a query is made of. */
export interface ParsedQuery {
  selectors: Selector[];
  /** The labels of its result. */
  labels: Set<string>;
}

const AGGREGATIONS = ["sum", "min", "max", "avg", "count", "topk", "quantile"];
const FUNCTIONS =
  "abs avg_over_time clamp_min count_over_time deriv histogram_quantile increase max_over_time quantile_over_time rate"
    .split(" ");
const OPERATORS = ["+", "-", "*", "/", ">", "<", ">=", "<=", "==", "!=", "and", "or", "unless"];

const TOKEN =
  /\s*(?:(?<string>"(?:[^"\\]|\\.)*")|(?<duration>\d+(?:ms|[smhdw])\b|\$__\w+)|(?<number>\d+(?:\.\d+)?(?:e[+-]?\d+)?)|(?<name>[a-zA-Z_]\w*)|(?<sign>=~|!~|!=|>=|<=|==|[-+*\/<>=(){}[\],:]))/y;

interface Token {
  kind: string;
  text: string;
}

function tokensOf(query: string): Token[] {
  const found: Token[] = [];
  const pattern = new RegExp(TOKEN);
  const text = query.trim();
  while (pattern.lastIndex < text.length) {
    const at = pattern.lastIndex;
    const groups = pattern.exec(text)?.groups;
    if (groups === undefined) throw new Error(`not PromQL: ${text.slice(at)}`);
    const [kind, value] = Object.entries(groups).find(([, value]) => value !== undefined)!;
    found.push({ kind, text: value! });
  }
  return found;
}

/**
 * Parses a query. `labelsOf` returns the labels of a series, and throws for an unknown one.
 *
 * @throws {Error} for what is not PromQL, for unknown series and for labels that a series does not have
 */
export function parseQuery(query: string, labelsOf: (series: string) => string[]): ParsedQuery {
  const tokens = tokensOf(query);
  const selectors: Selector[] = [];
  let at = 0;

  const peek = (offset = 0) => tokens[at + offset]?.text;
  const take = (expected?: string): Token => {
    const token = tokens[at++];
    if (token === undefined || (expected !== undefined && token.text !== expected)) {
      throw new Error(`${query}: expected ${expected ?? "more"}, not ${token?.text ?? "its end"}`);
    }
    return token;
  };
  const requireLabel = (label: string, known: Iterable<string>) => {
    if (![...known].includes(label)) throw new Error(`${query}: nothing has the label ${label}`);
  };

  const names = (): string[] => {
    const found: string[] = [];
    for (take("("); peek() !== ")";) {
      found.push(take().text);
      if (peek() === ",") take();
    }
    take(")");
    return found;
  };

  const arguments_ = (within: string): Set<string> => {
    const labels = new Set<string>();
    for (take("("); peek() !== ")";) {
      for (const label of expression(within)) labels.add(label);
      if (peek() === ",") take();
    }
    take(")");
    return labels;
  };

  const aggregation = (): Set<string> => {
    const name = take().text;
    const by = peek() === "by" ? (take(), names()) : [];
    const inner = arguments_(name);
    for (const label of by) requireLabel(label, inner);
    return new Set(by);
  };

  const selector = (within: string | null): Set<string> => {
    const { kind, text: name } = take();
    if (kind !== "name") throw new Error(`${query}: expected a metric, not ${name}`);
    const known = labelsOf(name);
    const labels: string[] = [];
    if (peek() === "{") {
      for (take(); peek() !== "}";) {
        const label = take().text;
        requireLabel(label, known);
        labels.push(label);
        if (!["=", "=~", "!=", "!~"].includes(take().text)) throw new Error(`${query}: ${label}`);
        if (take().kind !== "string") throw new Error(`${query}: the value of ${label}`);
        if (peek() === ",") take();
      }
      take("}");
    }
    selectors.push({ name, labels, within, range: peek() === "[" });
    return new Set(known);
  };

  const primary = (within: string | null): Set<string> => {
    if (peek() === "(") {
      take();
      const inner = expression(within);
      take(")");
      return inner;
    }
    if (tokens[at]?.kind === "number") return take(), new Set();
    if (AGGREGATIONS.includes(peek()!)) return aggregation();
    if (peek(1) === "(") {
      const { text } = take();
      if (!FUNCTIONS.includes(text)) throw new Error(`${query}: unknown function ${text}`);
      const labels = arguments_(text);
      if (text === "histogram_quantile") {
        requireLabel("le", labels);
        labels.delete("le");
      }
      return labels;
    }
    return selector(within);
  };

  const duration = () => {
    if (take().kind !== "duration") throw new Error(`${query}: expected a duration`);
  };

  const postfix = (within: string | null): Set<string> => {
    const labels = primary(within);
    if (peek() === "[") {
      take();
      duration();
      if (peek() === ":") {
        take();
        duration();
      }
      take("]");
    }
    return labels;
  };

  function expression(within: string | null): Set<string> {
    const labels = postfix(within);
    while (OPERATORS.includes(peek() ?? "")) {
      take();
      for (const label of postfix(within)) labels.add(label);
    }
    return labels;
  }

  const labels = expression(null);
  if (at < tokens.length) throw new Error(`${query}: did not expect ${peek()}`);
  return { selectors, labels };
}
