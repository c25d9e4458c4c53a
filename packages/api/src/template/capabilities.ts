import { capabilities, type Rule } from '../capability/capabilities.ts'
import type { Template } from './template.ts'

const isOurs: Rule<Template> = {
  when: (template) => !template.default,
  otherwise: 'It came with the product. Clone it and change the clone.',
}

/** What may be done with a template, and why not. */
export const templateCan = capabilities<Template>()({
  createVm: [],
  update: [isOurs],
  clone: [],
  export: [],
  delete: [isOurs],
})
export type TemplateAction = keyof typeof templateCan
