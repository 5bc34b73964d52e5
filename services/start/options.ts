/**
 * Options of commands.
 *
 * @module
 */
import { ConfigError } from "../kit/mod.ts";

/**
 * Takes an option with its value, `--name value` or `--name=value`, out of the arguments. Returns the value, if
 * the option is there. `--name=` is an empty value, which only an option with `mayBeEmpty` takes.
 *
 * @throws {ConfigError} with `usage` if the value is missing
 */
export function takeOption(
  args: string[],
  option: string,
  usage: string,
  { mayBeEmpty = false } = {},
): string | undefined {
  const at = args.findIndex((arg) => arg === option || arg.startsWith(`${option}=`));
  if (at < 0) return undefined;
  const [given] = args.splice(at, 1);
  const value = given === option ? args.splice(at, 1)[0] : given!.slice(option.length + 1);
  if (value === undefined || (value === "" && !mayBeEmpty)) throw new ConfigError(usage);
  return value;
}
