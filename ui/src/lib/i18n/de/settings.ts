import { amounts } from '../amounts';
import type { Catalogue } from '../en';

const amount = amounts('de');

export const settings: Catalogue['settings'] = {
  title: 'Einstellungen',
  about: 'Fenster, Port, Mitteilungen, was behalten wird',
  saved: 'Gespeichert',
  problems: {
    title: 'Die Einstellungsdatei enthält Fehler',
    hint: 'Bis sie behoben sind, gelten die letzten guten Einstellungen weiter.',
    warnings: 'Hinweise zur Einstellungsdatei',
    line: (line: number) => `Zeile ${line}`,
  },
  look: {
    title: 'Fenster',
    language: 'Sprache',
    languageHint: 'Auch im Tray und in Mitteilungen. Fehler der Server und einzelner Anfragen bleiben Englisch.',
    theme: 'Farben',
    system: 'System',
    light: 'Hell',
    dark: 'Dunkel',
    autostart: 'Beim Anmelden starten',
    autostartHint: 'Branchline startet unsichtbar im Tray.',
  },
  server: {
    title: 'Server',
    port: 'Port',
    portHint: (address: string) => `Clients finden ihn unter ${address}.`,
    portLater: (address: string) => `Noch unter ${address}: Der neue Port gilt, wenn Branchline neu gestartet wird.`,
    portBad: 'Eine Zahl von 1 bis 65535',
    portTaken: (port: number, holder: string | null) =>
      holder === null ? `Port ${port} ist belegt.` : `Port ${port} ist von ${holder} belegt.`,
    usePort: (port: number) => `${port} nehmen`,
    token: 'Von Clients das Token verlangen',
    tokenHint: 'Ohne es kann jedes Programm auf diesem Rechner deine Modelle und deinen Cloud-Schlüssel benutzen.',
    copyToken: 'Client-Token',
    copyTokenHint: 'Teil dessen, was die Seite „Verbinden“ zeigt.',
    noToken: 'Wird nicht verlangt',
  },
  notifications: {
    title: 'Mitteilungen',
    about: 'Von der Desktop-App gezeigt',
    backend_offline: 'Ein Backend antwortet nicht mehr',
    backend_back: 'Ein Backend antwortet wieder',
    fallback: 'Ein anderes Modell ist eingesprungen',
    escalated: 'Eine Runde ist auf ein stärkeres Modell gewechselt',
    budget: 'Das Tagesbudget geht zu Ende oder ist erreicht',
    server: 'Branchline konnte nicht starten',
    hints: {
      fallback: 'Höchstens einmal je Minute und Backend, mit Anzahl.',
      server: 'Oder hat beim Anhalten Anfragen abgeschnitten.',
    } as Record<string, string>,
    names: {} as Record<string, string>,
  },
  kept: {
    title: 'Was behalten wird',
    bodies: 'Anfragen und Antworten',
    bodiesHint: {
      off: 'Nur Zahlen und Gründe werden behalten, kein Inhalt.',
      redacted: 'Ihr Aufbau wird behalten, ohne jeden Text.',
      full: 'Alles wird behalten, auch dein Code. Nötig, um eine Anfrage zu wiederholen.',
    } as Record<string, string>,
    off: 'Nein',
    redacted: 'Geschwärzt',
    full: 'Vollständig',
    days: 'Tage im Protokoll',
    daysHint: 'Ältere Anfragen werden gelöscht. Bildbeschreibungen bleiben.',
    daysBad: 'Eine Zahl von 1 bis 3650',
    level: 'Ausführlichkeit der Protokolldatei',
    levels: { error: 'Fehler', warn: 'Warnungen', info: 'Normal', debug: 'Auch Anfragen', trace: 'Alles' } as Record<
      string,
      string
    >,
  },
  data: {
    title: 'Daten',
    folder: 'Datenordner',
    file: 'Einstellungen',
    log: 'Protokolle',
    database: 'Datenbank',
    export: 'Einstellungen exportieren',
    exportTitle: 'Deine Einstellungen',
    exportAbout: 'Was von den Vorgaben abweicht. Kein Schlüssel ist dabei.',
    exportName: 'Einstellungen als TOML',
    exportNothing: '# Alles ist, wie es kam.',
    exportSave: 'Als Datei speichern',
    exported: 'Deine Einstellungen sind gespeichert',
    reset: 'Alle Einstellungen zurücksetzen',
    resetTitle: 'Alle Einstellungen zurücksetzen?',
    resetWhy:
      'Backends, Rollen, Regeln und alles auf dieser Seite gehen auf die Vorgaben zurück. Schlüssel, Protokoll und Bildbeschreibungen bleiben. Die alte Datei liegt danach neben der neuen.',
    resetDone: 'Alle Einstellungen sind zurückgesetzt',
    resetKept: (file: string) => `Die alten liegen in ${file}`,
  },
  software: {
    title: 'Über Branchline',
    version: 'Version',
    system: 'Gebaut für',
    licence: 'Lizenz',
    licences: 'Lizenzen anderer',
    licencesAbout: (count: number) =>
      amount(count, { one: '# Paket von anderen ist Teil von Branchline.', other: '# Pakete von anderen sind Teil von Branchline.' }),
    searchLicences: 'Pakete suchen',
    guide: 'Geführte Einrichtung',
  },
};
