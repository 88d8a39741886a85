import { amounts } from '../amounts';

const amount = amounts('en');

export const setup = {
  title: 'Welcome to Branchline',
  leave: 'Leave setup',
  back: 'Back',
  next: 'Next',
  skip: 'Skip',
  finish: 'Finish',
  steps: { servers: 'Servers', models: 'Models', cloud: 'Cloud', connect: 'Connect' } as Record<string, string>,
  stepOf: (step: number, all: number, name: string) => `Step ${step} of ${all}: ${name}`,
  servers: {
    title: 'Servers on your machines',
    about: 'Easy work and images go to models on your own hardware. Branchline looks for servers by itself.',
    none: 'No model server answers yet',
    noneHint: 'Start LM Studio, llama.cpp, Ollama or vLLM: it appears here by itself. Or add a server on another machine.',
    add: 'Add by address',
    models: (count: number) => amount(count, { one: '# model', other: '# models' }),
    waiting: 'Looking on this machine…',
  },
  models: {
    title: 'Your models',
    about: 'One does the work that stays here, one looks at images. Branchline has picked what it found; change it if you know better.',
    none: 'No local model yet: go back and start a server, or go on with the cloud alone.',
  },
  cloud: {
    title: 'A cloud model for hard work',
    about: 'Optional. Without one, everything stays on this machine.',
    way: 'How to reach the cloud',
    key: 'With a key',
    login: 'With my Claude login',
    loginHint: 'Claude Code keeps its own login. Branchline passes it on to Anthropic, and to nobody else.',
    provider: 'Provider',
    has: (name: string) => `${name} has a key`,
    loginOn: 'Claude Code’s own login is used for Anthropic',
    useLogin: 'Use my Claude login',
    others: 'More providers are on the page Backends & keys.',
  },
  connect: {
    title: 'Point your agent here',
    about: 'Paste this in the terminal you start Claude Code from.',
    shell: 'Shell',
    shells: { bash: 'bash, zsh', fish: 'fish', powershell: 'PowerShell', cmd: 'cmd' } as Record<string, string>,
    snippet: 'Variables for Claude Code',
    launcher: 'Or start it already connected:',
    command: 'branchline claude',
    waiting: 'Waiting for the first request…',
    arrived: (where: string) => `The first request arrived and was answered by ${where}`,
    arrivedPlain: 'The first request arrived',
  },
};
