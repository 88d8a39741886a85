import { amounts } from '../amounts';

const amount = amounts('en');

export const images = {
  title: 'Images',
  about: 'Descriptions written for models that cannot see',
  search: 'Search descriptions',
  clear: 'Clear all',
  clearTitle: 'Forget all descriptions?',
  clearWhy: (count: number) =>
    amount(count, {
      one: 'One description is deleted. The image is described anew when it comes again.',
      other: '# descriptions are deleted, your own words among them. Images are described anew when they come again.',
    }),
  cleared: (count: number) => amount(count, { one: '# description is forgotten', other: '# descriptions are forgotten' }),
  totals: (images: number, saved: number) =>
    `${amount(images, { one: '# image', other: '# images' })} · ${amount(saved, { one: '# call', other: '# calls' })} saved`,
  empty: 'No image was described yet',
  emptyHint:
    'When an image goes to a model that cannot see, the vision model describes it once. The description is kept here and used again.',
  emptyNoVision: 'No model has the role Vision yet, so images are not described.',
  toModels: 'Choose a vision model',
  noMatch: 'No description with these words',
  more: 'Show more',
  hits: (count: number) =>
    count === 0 ? 'not used again yet' : amount(count, { one: 'used again once', other: 'used again # times' }),
  edited: 'Edited',
  dialog: {
    title: 'Image',
    description: 'Description',
    hint: 'What models that cannot see are told in the image’s place',
    size: 'Size',
    model: 'Described by',
    yourself: 'You',
    when: 'First seen',
    used: 'Last used',
    hits: 'Calls saved',
    hash: 'SHA-256',
    save: 'Save',
    saved: 'Your words are kept, whichever vision model is chosen',
    again: 'Describe again',
    againHint: 'Forgets this description. The image is described anew when it comes again.',
    forgotten: 'It is described anew when it comes again',
    delete: 'Delete',
    deleted: 'The description is deleted',
  },
};
