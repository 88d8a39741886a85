// Small readings of what is typed and shown.

/** A whole number from `least` to `most`; nothing where the text is none. */
export function wholeNumber(text: string, least: number, most: number): number | undefined {
  const plain = text.trim();
  const value = /^\d+$/.test(plain) ? Number(plain) : NaN;
  return value >= least && value <= most ? value : undefined;
}

/** A number as it is typed, without what stands between its thousands: "65,536", "65 536". "1.5" stays what it is. */
export const ungrouped = (text: string): string => text.trim().replaceAll(/(\d)[\s.,_'](?=\d{3}(?!\d))/g, '$1');

/** The client token among the variables for clients: 64 hexadecimal digits, alone or inside of a header. */
export function tokenIn(values: readonly string[]): string | undefined {
  for (const value of values) {
    const found = /\b[0-9a-f]{64}\b/.exec(value);
    if (found) return found[0];
  }
  return undefined;
}
