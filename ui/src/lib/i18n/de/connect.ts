import type { Catalogue } from '../en';

export const connect: Catalogue['connect'] = {
  title: 'Verbinden',
  about: 'Richte deinen Coding-Agenten auf Branchline',
  first: {
    waiting: 'Warte auf die erste Anfrage …',
    waitingHint: 'Starte deinen Agenten in dem Terminal, in das du die Variablen eingefügt hast, und frag ihn etwas.',
    seen: 'Verbunden',
    seenHint: (client: string) => `Die letzte Anfrage kam von ${client}`,
    unknown: 'einem Client ohne Namen',
    open: 'Öffnen',
  },
  claude: {
    title: 'Claude Code',
    launch: 'Schon verbunden starten',
    launchHint: 'Sonst ändert sich auf diesem Rechner nichts.',
    paste: 'Oder verbinde dein eigenes Terminal',
    shells: {
      bash: 'bash, zsh',
      fish: 'fish',
      powershell: 'PowerShell',
      cmd: 'cmd',
      settings: 'settings.json',
    },
    where: {
      bash: 'Ins Terminal einfügen, oder an ~/.bashrc oder ~/.zshrc anhängen.',
      fish: 'Ins Terminal einfügen, oder an ~/.config/fish/config.fish anhängen.',
      powershell: 'Ins Terminal einfügen, oder an die Datei in $PROFILE anhängen.',
      cmd: 'Ins Terminal einfügen.',
      settings: 'In ~/.claude/settings.json eintragen: Dann benutzt jedes Claude Code von dir Branchline.',
    },
    shell: 'Shell',
    variables: 'Was jede Variable tut',
  },
  others: {
    title: 'Andere Clients',
    label: 'Client',
    names: {
      openai: 'OpenAI SDK',
      anthropic: 'Anthropic SDK',
      opencode: 'opencode',
      codex: 'Codex',
      curl: 'curl',
    },
    where: {
      openai: 'Jedes Programm, das eine OpenAI-Basisadresse annimmt. Modell: auto, local, cloud oder Backend:Modell.',
      anthropic: 'Jedes Programm, das auf einem Anthropic-SDK steht. Modell: auto, local, cloud oder Backend:Modell.',
      opencode: 'In die opencode.json eines Projekts eintragen, oder in ~/.config/opencode/opencode.json.',
      codex: 'In ~/.codex/config.toml eintragen.',
      curl: 'Eine Anfrage, um zu sehen, dass es geht.',
    },
    codexNot: 'Codex braucht die Responses API, die Branchline noch nicht spricht: Bis dahin gibt das einen Fehler.',
  },
  check: {
    title: 'Prüfen',
    about: 'Eine kleine Anfrage durch Branchline, wie ein Client sie stellen würde',
  },
};
