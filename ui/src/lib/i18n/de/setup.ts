import { amounts } from '../amounts';
import type { Catalogue } from '../en';

const amount = amounts('de');

export const setup: Catalogue['setup'] = {
  title: 'Willkommen bei Branchline',
  leave: 'Einrichtung verlassen',
  back: 'Zurück',
  next: 'Weiter',
  skip: 'Überspringen',
  finish: 'Fertig',
  steps: { servers: 'Server', models: 'Modelle', cloud: 'Cloud', connect: 'Verbinden' } as Record<string, string>,
  stepOf: (step: number, all: number, name: string) => `Schritt ${step} von ${all}: ${name}`,
  servers: {
    title: 'Server auf deinen Rechnern',
    about: 'Leichte Arbeit und Bilder gehen an Modelle auf deiner eigenen Hardware. Branchline sucht Server von selbst.',
    none: 'Noch antwortet kein Modellserver',
    noneHint:
      'Starte LM Studio, llama.cpp, Ollama oder vLLM: Der Server erscheint hier von selbst. Oder füge einen auf einem anderen Rechner hinzu.',
    add: 'Mit Adresse hinzufügen',
    models: (count: number) => amount(count, { one: '# Modell', other: '# Modelle' }),
    waiting: 'Suche auf diesem Rechner …',
  },
  models: {
    title: 'Deine Modelle',
    about: 'Eines macht die Arbeit, die hier bleibt, eines sieht Bilder an. Branchline hat gewählt, was es fand; ändere es, wenn du es besser weißt.',
    none: 'Noch kein lokales Modell: Geh zurück und starte einen Server, oder mach mit der Cloud allein weiter.',
  },
  cloud: {
    title: 'Ein Cloud-Modell für schwere Arbeit',
    about: 'Muss nicht sein. Ohne eines bleibt alles auf diesem Rechner.',
    way: 'Wie die Cloud erreicht wird',
    key: 'Mit einem Schlüssel',
    login: 'Mit meiner Claude-Anmeldung',
    loginHint: 'Claude Code behält seine eigene Anmeldung. Branchline gibt sie an Anthropic weiter, und an niemanden sonst.',
    provider: 'Anbieter',
    has: (name: string) => `${name} hat einen Schlüssel`,
    loginOn: 'Für Anthropic wird die Anmeldung von Claude Code benutzt',
    useLogin: 'Meine Claude-Anmeldung benutzen',
    others: 'Weitere Anbieter stehen auf der Seite „Backends & Schlüssel“.',
  },
  connect: {
    title: 'Richte deinen Agenten hierher',
    about: 'Füge das in das Terminal ein, aus dem du Claude Code startest.',
    shell: 'Shell',
    shells: { bash: 'bash, zsh', fish: 'fish', powershell: 'PowerShell', cmd: 'cmd' } as Record<string, string>,
    snippet: 'Variablen für Claude Code',
    launcher: 'Oder starte es schon verbunden:',
    command: 'branchline claude',
    waiting: 'Warte auf die erste Anfrage …',
    arrived: (where: string) => `Die erste Anfrage ist da und wurde von ${where} beantwortet`,
    arrivedPlain: 'Die erste Anfrage ist da',
  },
};
