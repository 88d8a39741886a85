// Requests a client makes for itself, beside the work: which kinds there are, and who may deal with each.

export const HANDLINGS = ['answer', 'background', 'coder'] as const;
export type Handling = (typeof HANDLINGS)[number];

/** In the order they are shown: the most frequent first. What only a model can do is not answered here. */
export const KINDS = {
  title: HANDLINGS,
  suggestion: HANDLINGS,
  recap: HANDLINGS,
  topic: HANDLINGS,
  command: ['background', 'coder'],
  compaction: ['background', 'coder'],
  quota_probe: ['answer', 'coder'],
} as const satisfies Record<string, readonly Handling[]>;

export type SideRequest = keyof typeof KINDS;
export const SIDE_REQUESTS = Object.keys(KINDS) as SideRequest[];
