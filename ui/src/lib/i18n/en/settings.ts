import { amounts } from '../amounts';

const amount = amounts('en');

export const settings = {
  title: 'Settings',
  about: 'Window, port, notifications, what is kept',
  saved: 'Saved',
  problems: {
    title: 'The settings file has mistakes',
    hint: 'Until they are mended, the last good settings stay in force.',
    warnings: 'Remarks on the settings file',
    line: (line: number) => `line ${line}`,
  },
  look: {
    title: 'Window',
    language: 'Language',
    languageHint: 'Also in the tray and in notifications.',
    theme: 'Theme',
    system: 'System',
    light: 'Light',
    dark: 'Dark',
    autostart: 'Start at login',
    autostartHint: 'Branchline starts hidden in the tray.',
  },
  server: {
    title: 'Server',
    port: 'Port',
    portHint: (address: string) => `Clients find it at ${address}.`,
    portLater: (address: string) => `Still at ${address}: the new port counts when Branchline is started again.`,
    portBad: 'A number from 1 to 65535',
    portTaken: (port: number, holder: string | null) =>
      holder === null ? `Port ${port} is taken.` : `Port ${port} is taken by ${holder}.`,
    usePort: (port: number) => `Use ${port}`,
    token: 'Ask clients for the token',
    tokenHint: 'Without it any program on this machine can use your models and your cloud key.',
    copyToken: 'Client token',
    copyTokenHint: 'Part of what the Connect page shows.',
    noToken: 'Not asked for',
  },
  notifications: {
    title: 'Notifications',
    about: 'Shown by the desktop app',
    backend_offline: 'A backend stops answering',
    backend_back: 'A backend answers again',
    fallback: 'Another model stood in',
    budget: 'The day’s budget is nearly used up, or met',
    server: 'Branchline could not start',
    hints: {
      fallback: 'At most once a minute and backend, with a count.',
      server: 'Or cut requests off when it stopped.',
    } as Record<string, string>,
    names: {} as Record<string, string>,
  },
  kept: {
    title: 'What is kept',
    bodies: 'Requests and answers',
    bodiesHint: {
      off: 'Only figures and reasons are kept, no content.',
      redacted: 'Their structure is kept, without any text.',
      full: 'Everything is kept, your code included. Needed to replay a request.',
    } as Record<string, string>,
    off: 'No',
    redacted: 'Redacted',
    full: 'In full',
    days: 'Days in the log',
    daysHint: 'Older requests are deleted. Image descriptions stay.',
    daysBad: 'A number from 1 to 3650',
    level: 'Detail of the log file',
    levels: { error: 'Errors', warn: 'Warnings', info: 'Normal', debug: 'Requests too', trace: 'Everything' } as Record<
      string,
      string
    >,
  },
  data: {
    title: 'Data',
    folder: 'Data folder',
    file: 'Settings file',
    log: 'Log files',
    database: 'Database',
    export: 'Export settings',
    exportTitle: 'Your settings',
    exportAbout: 'What differs from the defaults. No key is in it.',
    exportName: 'Settings as TOML',
    exportNothing: '# Everything is as it came.',
    reset: 'Reset all settings',
    resetTitle: 'Reset all settings?',
    resetWhy:
      'Backends, roles, rules and everything on this page go back to the defaults. Keys, the log and image descriptions stay. The old file is kept beside the new one.',
    resetDone: 'All settings are reset',
    resetKept: (file: string) => `The old ones are in ${file}`,
  },
  software: {
    title: 'About',
    version: 'Version',
    system: 'Built for',
    licence: 'Licence',
    licences: 'Licences of others',
    licencesAbout: (count: number) =>
      amount(count, {
        one: '# package by other people is part of Branchline.',
        other: '# packages by other people are part of Branchline.',
      }),
    searchLicences: 'Search packages',
    guide: 'Guided setup',
  },
};
