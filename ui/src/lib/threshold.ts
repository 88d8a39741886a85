// What a threshold would have done to past turns.

import type { RecentScore } from '$lib/api/generated/api';
import { ungrouped } from '$lib/text';

export interface Bin {
  /** The first score of the bin; it reaches to the next one. */
  from: number;
  count: number;
}

/** How often each score occurred, in bins of `width` points from 0 to 100. */
export function histogram(scores: readonly number[], width = 4): Bin[] {
  const bins = Array.from({ length: Math.ceil(100 / width) }, (_, index) => ({ from: index * width, count: 0 }));
  for (const score of scores) {
    const bin = bins[Math.min(Math.floor(score / width), bins.length - 1)];
    if (bin) bin.count += 1;
  }
  return bins;
}

/** The part of the scores at or above a threshold, 0–1; nothing where there are none. */
export function shareAbove(scores: readonly number[], threshold: number): number | undefined {
  if (scores.length === 0) return undefined;
  return scores.filter((score) => score >= threshold).length / scores.length;
}

/** Requests that were scored: turns of the user's, and what belongs to them. */
export const scored = (recent: readonly RecentScore[]): number[] => recent.map((one) => one.score);

/** The settings' value of a token limit typed by a human; nothing where it is none. */
export function tokenLimit(text: string): number | undefined {
  const match = /^(\d+)\s*(k?)$/.exec(ungrouped(text).toLowerCase());
  const value = match === null ? NaN : Number(match[1]) * (match[2] === 'k' ? 1_000 : 1);
  return Number.isSafeInteger(value) && value > 0 ? value : undefined;
}

/** A sum of money typed by a human; nothing where it is none. */
export function moneyLimit(text: string): number | undefined {
  const plain = text.trim().replace(/^\$\s*/, '').replace(',', '.');
  const value = /^\d+(\.\d+)?$/.test(plain) ? Number(plain) : NaN;
  return value > 0 ? value : undefined;
}

/** A prompt as it is typed, or a whole request where it is JSON with messages. */
export function asked(text: string): { text: string } | { request: unknown } {
  try {
    const request: unknown = JSON.parse(text);
    if (typeof request === 'object' && request !== null && 'messages' in request) return { request };
  } catch {
    // A prompt need not be JSON.
  }
  return { text };
}
