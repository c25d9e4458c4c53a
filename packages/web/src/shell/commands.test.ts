import { expect, test } from 'vitest'
import { rank, type Command } from './commands.ts'

const command = (label: string): Command => ({ id: label, label, kind: 'test', run: () => undefined })
const commands = ['Go to VMs', 'Go to hosts', 'web-01', 'my-web', 'cobweb', 'Start web-01'].map(command)
const found = (text: string): readonly string[] => rank(commands, text, 10).map(({ label }) => label)

test('the palette finds beginnings first, then beginnings of words, then letters inside', () => {
  expect(found('web')).toEqual(['web-01', 'my-web', 'Start web-01', 'cobweb'])
})

test('the palette wants every word, in any order and case', () => {
  expect(found('WEB start')).toEqual(['Start web-01'])
  expect(found('web nothing')).toEqual([])
  expect(rank(commands, '', 2)).toHaveLength(2)
})
