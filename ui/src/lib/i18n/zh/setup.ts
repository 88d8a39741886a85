import { amounts } from '../amounts';
import type { Catalogue } from '../en';

const amount = amounts('zh');

export const setup: Catalogue['setup'] = {
  title: '欢迎使用 Branchline',
  leave: '退出设置向导',
  back: '上一步',
  next: '下一步',
  skip: '跳过',
  finish: '完成',
  steps: { servers: '服务器', models: '模型', cloud: '云端', connect: '连接' } as Record<string, string>,
  stepOf: (step: number, all: number, name: string) => `第 ${step} 步，共 ${all} 步：${name}`,
  servers: {
    title: '你机器上的服务器',
    about: '简单的工作和图片交给你自己硬件上的模型。Branchline 会自动查找服务器。',
    none: '还没有模型服务器响应',
    noneHint: '启动 LM Studio、llama.cpp、Ollama 或 vLLM：它会自动出现在这里。也可以添加另一台机器上的服务器。',
    add: '按地址添加',
    models: (count: number) => amount(count, { other: '# 个模型' }),
    waiting: '正在本机查找…',
  },
  models: {
    title: '你的模型',
    about: '一个完成留在本机的工作，一个查看图片。Branchline 已从找到的模型中选好；如果你更清楚，可以更改。',
    none: '还没有本地模型：返回上一步启动服务器，或只用云端继续。',
  },
  cloud: {
    title: '用于困难工作的云端模型',
    about: '可选。没有它，一切都留在本机。',
    way: '如何连接云端',
    key: '使用密钥',
    login: '使用我的 Claude 登录',
    loginHint: 'Claude Code 保留自己的登录。Branchline 只把它转交给 Anthropic。',
    provider: '服务商',
    has: (name: string) => `${name} 已有密钥`,
    loginOn: '对 Anthropic 使用 Claude Code 自己的登录',
    useLogin: '使用我的 Claude 登录',
    others: '更多服务商见“后端与密钥”页面。',
  },
  connect: {
    title: '让你的代理指向这里',
    about: '把它粘贴到你启动 Claude Code 的终端。',
    shell: 'Shell',
    shells: { bash: 'bash, zsh', fish: 'fish', powershell: 'PowerShell', cmd: 'cmd' } as Record<string, string>,
    snippet: 'Claude Code 的变量',
    launcher: '或直接启动并连接：',
    command: 'branchline claude',
    waiting: '正在等待第一个请求…',
    arrived: (where: string) => `第一个请求已到达，由 ${where} 回答`,
    arrivedPlain: '第一个请求已到达',
  },
};
