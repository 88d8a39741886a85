import type { Catalogue } from '../en';

export const connect: Catalogue['connect'] = {
  title: '连接',
  about: '让你的编码代理指向 Branchline',
  first: {
    waiting: '正在等待第一个请求…',
    waitingHint: '在粘贴了变量的终端中启动代理，向它提一个问题。',
    seen: '已连接',
    seenHint: (client: string) => `最近的请求来自 ${client}`,
    unknown: '未具名的客户端',
    open: '打开',
  },
  claude: {
    title: 'Claude Code',
    launch: '直接启动并连接到这里',
    launchHint: '不会改动本机的其他任何东西。',
    paste: '或让你自己的终端指向这里',
    shells: {
      bash: 'bash, zsh',
      fish: 'fish',
      powershell: 'PowerShell',
      cmd: 'cmd',
      settings: 'settings.json',
    },
    where: {
      bash: '粘贴到终端，或加入 ~/.bashrc 或 ~/.zshrc。',
      fish: '粘贴到终端，或加入 ~/.config/fish/config.fish。',
      powershell: '粘贴到终端，或加入 $PROFILE 所指的文件。',
      cmd: '粘贴到终端。',
      settings: '写入 ~/.claude/settings.json：这样你的每个 Claude Code 都会使用 Branchline。',
    },
    shell: 'Shell',
    variables: '每个变量的作用',
  },
  others: {
    title: '其他客户端',
    label: '客户端',
    names: {
      openai: 'OpenAI SDK',
      anthropic: 'Anthropic SDK',
      opencode: 'opencode',
      codex: 'Codex',
      curl: 'curl',
    },
    where: {
      openai: '任何可设置 OpenAI 基础地址的程序。模型：auto、local、cloud 或 后端:模型。',
      anthropic: '任何基于 Anthropic SDK 的程序。模型：auto、local、cloud 或 后端:模型。',
      opencode: '写入项目的 opencode.json，或 ~/.config/opencode/opencode.json。',
      codex: '写入 ~/.codex/config.toml。',
      curl: '发送一个请求，看看是否正常。',
    },
    codexNot: 'Codex 需要 Responses API，Branchline 尚不支持：在此之前会报错。',
  },
  check: {
    title: '检查',
    about: '像客户端那样，经 Branchline 发送一个小请求',
  },
};
