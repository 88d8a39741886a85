import { amounts } from '../amounts';
import type { Catalogue } from '../en';

const amount = amounts('zh');

export const images: Catalogue['images'] = {
  title: '图片',
  about: '为看不见图片的模型写的描述',
  search: '搜索描述',
  clear: '全部清除',
  clearTitle: '忘掉所有描述？',
  clearWhy: (count: number) =>
    amount(count, { other: '将删除 # 条描述，包括你自己写的。图片再次出现时会重新描述。' }),
  cleared: (count: number) => amount(count, { other: '已忘掉 # 条描述' }),
  totals: (images: number, saved: number) =>
    `${amount(images, { other: '# 张图片' })} · ${amount(saved, { other: '节省 # 次调用' })}`,
  empty: '还没有描述过图片',
  emptyHint: '图片发给看不见图片的模型时，由视觉模型描述一次。描述保存在这里，以后重复使用。',
  emptyNoVision: '还没有模型担任视觉角色，因此不会描述图片。',
  toModels: '选择视觉模型',
  noMatch: '没有包含这些词的描述',
  more: '显示更多',
  hits: (count: number) => (count === 0 ? '尚未再次使用' : amount(count, { other: '再次使用 # 次' })),
  edited: '已编辑',
  dialog: {
    title: '图片',
    description: '描述',
    hint: '看不见图片的模型在图片的位置读到的内容',
    size: '大小',
    model: '描述者',
    yourself: '你',
    when: '首次出现',
    used: '最近使用',
    hits: '节省的调用',
    hash: 'SHA-256',
    save: '保存',
    saved: '无论选择哪个视觉模型，你写的内容都会保留',
    again: '重新描述',
    againHint: '忘掉这条描述。图片再次出现时会重新描述。',
    forgotten: '图片再次出现时会重新描述',
    delete: '删除',
    deleted: '描述已删除',
  },
};
