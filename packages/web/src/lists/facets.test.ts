import { compileQuery, queryTable } from '@nixen/api'
import { describe, expect, test } from 'vitest'
import { facetsOf, hasTerm, toggleTerm } from './facets.ts'

const vms = [
  { id: 'a', name: 'web "1"', power: 'running', tags: ['prod', 'or'] },
  { id: 'b', name: 'web-2', power: 'running', tags: ['prod'] },
  { id: 'c', name: 'db', power: 'halted', tags: [String.raw`two words \ "quoted"`] },
]
const facets = facetsOf({ type: 'vm', fields: ['power', 'tags', 'nothing'], objects: vms, nameOf: () => undefined })

describe('facets', () => {
  test('count the values of a field, the most frequent first; a field that there is not has none', () => {
    expect(facets.get('power')?.map(({ label, count }) => [label, count])).toEqual([
      ['running', 2],
      ['halted', 1],
    ])
    expect(facets.has('nothing')).toBe(false)
  })

  test('each condition finds as many objects as it says', () => {
    for (const { term, count } of [...facets.values()].flat()) {
      const compiled = compileQuery(term, queryTable('vm'), { now: 0 })
      const found = compiled.ok ? vms.filter(compiled.matches).length : compiled.problem
      expect({ term, found }).toEqual({ term, found: count })
    }
  })

  test.each(['', 'web', 'a or b', '(a or b) c', 'tag:prod not has:ips'])(
    'a condition is put to "%s" and taken away again',
    (q) => {
      const term = 'power:=running'
      const added = toggleTerm(q, term)
      expect(hasTerm(added, term)).toBe(true)
      expect(hasTerm(toggleTerm(added, term), term)).toBe(false)
      const compiled = compileQuery(added, queryTable('vm'), { now: 0 })
      const halted = compiled.ok ? vms.filter((vm) => compiled.matches(vm) && vm.power === 'halted') : compiled.problem
      expect(halted).toEqual([])
    },
  )
})
