import { amounts } from '../amounts';
import type { Catalogue } from '../en';

const amount = amounts('de');

export const images: Catalogue['images'] = {
  title: 'Bilder',
  about: 'Beschreibungen für Modelle, die nicht sehen können',
  search: 'Beschreibungen suchen',
  clear: 'Alle löschen',
  clearTitle: 'Alle Beschreibungen vergessen?',
  clearWhy: (count: number) =>
    amount(count, {
      one: 'Eine Beschreibung wird gelöscht. Das Bild wird neu beschrieben, wenn es wieder kommt.',
      other: '# Beschreibungen werden gelöscht, auch deine eigenen. Die Bilder werden neu beschrieben, wenn sie wieder kommen.',
    }),
  cleared: (count: number) => amount(count, { one: '# Beschreibung ist vergessen', other: '# Beschreibungen sind vergessen' }),
  totals: (images: number, saved: number) =>
    `${amount(images, { one: '# Bild', other: '# Bilder' })} · ${amount(saved, { one: '# Aufruf', other: '# Aufrufe' })} gespart`,
  empty: 'Noch kein Bild wurde beschrieben',
  emptyHint:
    'Geht ein Bild an ein Modell, das nicht sehen kann, beschreibt das Bildmodell es einmal. Die Beschreibung bleibt hier und wird wieder benutzt.',
  emptyNoVision: 'Noch hat kein Modell die Rolle „Bilder sehen“, darum werden Bilder nicht beschrieben.',
  toModels: 'Ein Bildmodell wählen',
  noMatch: 'Keine Beschreibung mit diesen Wörtern',
  more: 'Mehr zeigen',
  hits: (count: number) =>
    count === 0 ? 'noch nicht wieder benutzt' : amount(count, { one: 'einmal wieder benutzt', other: '#-mal wieder benutzt' }),
  edited: 'Bearbeitet',
  dialog: {
    title: 'Bild',
    description: 'Beschreibung',
    hint: 'Was Modelle, die nicht sehen können, anstelle des Bildes lesen',
    size: 'Größe',
    model: 'Beschrieben von',
    yourself: 'Dir',
    when: 'Zuerst gesehen',
    used: 'Zuletzt benutzt',
    hits: 'Aufrufe gespart',
    hash: 'SHA-256',
    save: 'Speichern',
    saved: 'Deine Worte bleiben, welches Bildmodell auch gewählt ist',
    again: 'Neu beschreiben',
    againHint: 'Vergisst diese Beschreibung. Das Bild wird neu beschrieben, wenn es wieder kommt.',
    forgotten: 'Es wird neu beschrieben, wenn es wieder kommt',
    delete: 'Löschen',
    deleted: 'Die Beschreibung ist gelöscht',
  },
};
