// Numbers as people read them, with their units. A dash where nothing is known.

import { locale } from '$lib/i18n';

export const NONE = '–';
const NARROW_SPACE = '\u202f';

const formats = new Map<string, Intl.NumberFormat>();

function number(value: number, options: Intl.NumberFormatOptions): string {
  const key = locale() + JSON.stringify(options);
  let format = formats.get(key);
  if (format === undefined) formats.set(key, (format = new Intl.NumberFormat(locale(), options)));
  return format.format(value);
}

const withUnit = (text: string, unit: string) => `${text}${NARROW_SPACE}${unit}`;
const rounded = (value: number, digits: number) =>
  number(value, { minimumFractionDigits: digits, maximumFractionDigits: digits });

/** `12,345` */
export function count(value: number | null | undefined): string {
  return value == null ? NONE : number(value, { maximumFractionDigits: 0 });
}

/** `850`, `12.3 k`, `1.05 M`: for tokens. */
export function short(value: number | null | undefined): string {
  if (value == null) return NONE;
  if (value < 1_000) return count(value);
  if (value < 999_500) return withUnit(rounded(value / 1_000, value < 99_950 ? 1 : 0), 'k');
  return withUnit(rounded(value / 1_000_000, 2), 'M');
}

/** `+12`, `−3`: points, whole. */
export function signed(value: number): string {
  const whole = Math.round(value);
  return `${whole > 0 ? '+' : whole < 0 ? '−' : ''}${count(Math.abs(whole))}`;
}

/** `+39.6`, `−3`: points of a signal. */
export function points(value: number): string {
  const tenths = Math.round(value * 10) / 10;
  return `${tenths > 0 ? '+' : tenths < 0 ? '−' : ''}${number(Math.abs(tenths), { maximumFractionDigits: 1 })}`;
}

/** `340 ms`, `1.2 s`, `3 min 05 s` */
export function duration(ms: number | null | undefined): string {
  if (ms == null) return NONE;
  if (ms < 999.5) return withUnit(rounded(ms, 0), 'ms');
  if (ms < 59_950) return withUnit(rounded(ms / 1_000, ms < 9_950 ? 2 : 1), 's');
  const seconds = Math.round(ms / 1_000);
  const [minutes, rest] = [Math.floor(seconds / 60), seconds % 60];
  if (minutes < 60) return `${withUnit(String(minutes), 'min')} ${withUnit(String(rest).padStart(2, '0'), 's')}`;
  return `${withUnit(String(Math.floor(minutes / 60)), 'h')} ${withUnit(String(minutes % 60).padStart(2, '0'), 'min')}`;
}

/** `48.2 MB`, decimal as disks and model files are sold. */
export function bytes(value: number | null | undefined): string {
  if (value == null) return NONE;
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let [size, unit] = [value, 0];
  while (size >= 999.5 && unit < units.length - 1) [size, unit] = [size / 1_000, unit + 1];
  return withUnit(rounded(size, unit === 0 || size >= 99.95 ? 0 : 1), units[unit] ?? '');
}

/** `71 %` of a part of one. */
export function percent(part: number | null | undefined): string {
  return part == null || Number.isNaN(part) ? NONE : withUnit(rounded(part * 100, 0), '%');
}

/** `$0.0042`, `$12.30`: small sums keep their digits. */
export function dollars(value: number | null | undefined): string {
  if (value == null) return NONE;
  const digits = value !== 0 && Math.abs(value) < 0.1 ? 4 : 2;
  return number(value, {
    style: 'currency',
    currency: 'USD',
    // "$" everywhere: no other dollars are meant.
    currencyDisplay: 'narrowSymbol',
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
}

/** `28.4` tokens a second. */
export function rate(tokens: number, ms: number): number | null {
  return tokens > 0 && ms > 0 ? (tokens * 1_000) / ms : null;
}

/** `28.4 tok/s` */
export function perSecond(value: number | null): string {
  return value === null ? NONE : withUnit(rounded(value, value < 100 ? 1 : 0), 'tok/s');
}

/** `now`, `12 s ago`, `5 min ago`, `yesterday`. */
export function ago(at: number, now: number): string {
  const seconds = Math.max(0, Math.round((now - at) / 1_000));
  const format = new Intl.RelativeTimeFormat(locale(), { numeric: 'auto', style: 'short' });
  if (seconds < 60) return format.format(-(seconds < 5 ? 0 : seconds - (seconds % 5)), 'second');
  if (seconds < 3_600) return format.format(-Math.floor(seconds / 60), 'minute');
  if (seconds < 86_400) return format.format(-Math.floor(seconds / 3_600), 'hour');
  return format.format(-Math.floor(seconds / 86_400), 'day');
}

/** The exact moment, for the hover. */
export function exact(at: number): string {
  return new Intl.DateTimeFormat(locale(), { dateStyle: 'medium', timeStyle: 'medium' }).format(at);
}

/** `14:03:27`, as a log shows it. */
export function timeOfDay(at: number): string {
  return new Intl.DateTimeFormat(locale(), { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' }).format(at);
}
