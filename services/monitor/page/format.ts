/**
 * How the page writes numbers: durations, sizes, rates, times. No DOM.
 *
 * @module
 */

const COUNT = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });

/** What stands for a value that is not known. */
export const UNKNOWN = "–";

/**
 * Writes a duration in microseconds, such as `850 µs`, `1.24 ms`, `2.1 s`: with three digits at most, or
 * with two if `decimals` is 1.
 */
export function durationText(micros: number | null, decimals: 1 | 2 = 2): string {
  if (micros === null) return UNKNOWN;
  const digits = (value: number) => shortened(value, decimals);
  const size = Math.abs(micros);
  if (size < 999.5) return `${digits(micros)} µs`;
  if (size < 999_500) return `${digits(micros / 1_000)} ms`;
  if (size < 119_500_000) return `${digits(micros / 1e6)} s`;
  const minutes = Math.round(size / 60e6);
  if (minutes < 120) return `${minutes} min`;
  if (minutes < 48 * 60) return `${Math.floor(minutes / 60)} h`;
  return `${Math.floor(minutes / 1_440)} d`;
}

/** A text of the contract, which is Markdown, without the marks of code. */
export function plainText(text: string): string {
  return text.replaceAll("`", "");
}

/** Writes a whole number, such as `1,204`. */
export function countText(value: number | null): string {
  return value === null ? UNKNOWN : COUNT.format(value);
}

/** Writes a rate or an average: whole above 100, else with up to three digits. */
export function rateText(value: number | null): string {
  if (value === null) return UNKNOWN;
  return value >= 100 ? COUNT.format(value) : digits(value);
}

/** Writes a number of bytes, such as `1.2 MB`. */
export function bytesText(bytes: number | null): string {
  if (bytes === null) return UNKNOWN;
  const units = ["B", "kB", "MB", "GB", "TB"];
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1_000;
    unit++;
  }
  return `${unit === 0 ? COUNT.format(value) : digits(value)} ${units[unit]}`;
}

/** Writes a share between 0 and 1, such as `3.2 %`. */
export function shareText(share: number | null): string {
  if (share === null) return UNKNOWN;
  const percent = share * 100;
  if (percent > 0 && percent < 0.1) return "< 0.1 %";
  return `${percent >= 10 ? COUNT.format(percent) : shortened(percent, 1)} %`;
}

/** Writes the time of day of microseconds since 1970; with the date if it is not the day of `now`. */
export function timeText(micros: number, now: number, locale?: string): string {
  const date = new Date(micros / 1_000);
  const time = date.toLocaleTimeString(locale);
  return date.toDateString() === new Date(now).toDateString()
    ? time
    : `${date.toLocaleDateString(locale)} ${time}`;
}

function digits(value: number): string {
  return shortened(value, 2);
}

/** Up to `decimals` digits after the point below ten, one less below a hundred, none above. */
function shortened(value: number, decimals: number): string {
  const size = Math.abs(value);
  const places = size < 9.995 ? decimals : size < 99.95 ? decimals - 1 : 0;
  return String(Number(value.toFixed(places)));
}
