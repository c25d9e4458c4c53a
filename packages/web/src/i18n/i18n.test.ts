import { describe, expect, test } from 'vitest'
import { de } from './de/index.ts'
import { fr } from './fr/index.ts'
import { counting } from './plural.ts'
import { pseudo, pseudoMark } from './pseudo.ts'

/** All texts of a catalogue by their path; of functions what they answer to the same input. */
function textsOf(messages: object, path = ''): readonly (readonly [string, string])[] {
  return Object.entries(messages).flatMap(([name, message]: [string, unknown]) => {
    const at = path === '' ? name : `${path}.${name}`
    if (typeof message === 'string') return [[at, message] as const]
    if (typeof message === 'function') return [[at, String(message(given))] as const]
    return typeof message === 'object' && message !== null ? textsOf(message, at) : []
  })
}
/** Input of any message: numbers and texts by their usual names. */
const given: unknown = new Proxy({}, { get: (_, name) => (typeof name === 'string' && name.length === 1 ? 3 : 2) })

describe.each([
  ['German', de],
  ['French', fr],
])('%s', (_, catalogue) => {
  test('says something for every message, and keeps the names in braces', () => {
    const texts = textsOf(catalogue)
    expect(texts.length).toBeGreaterThan(300)
    expect(texts.filter(([, text]) => text.trim() === '' || /undefined|NaN|\[object/.test(text))).toEqual([])
    expect(new Map(texts).get('shell.stale')).toContain('{age}')
    expect(new Map(texts).get('backup.planSays')).toContain('{name}')
  })
})

test('plurals are those of the language', () => {
  expect([0, 1, 2, 1500].map((n) => counting('en')(n, 'VM', 'VMs'))).toEqual(['0 VMs', '1 VM', '2 VMs', '1,500 VMs'])
  // In French nothing is singular.
  expect([0, 1, 2].map((n) => counting('fr').word(n, 'tâche', 'tâches'))).toEqual(['tâche', 'tâche', 'tâches'])
})

test('the pseudo-locale marks every text once, also what functions make, and keeps names in braces', () => {
  const strange = pseudo({ a: 'Sign in', b: { c: (p: { n: number }) => `${p.n} tasks` }, d: 'Hello {name}' })
  for (const text of [strange.a, strange.b.c({ n: 3 }), strange.d]) {
    expect(text.startsWith(pseudoMark)).toBe(true)
    expect(text.split(pseudoMark)).toHaveLength(2)
  }
  expect(strange.d).toContain('{name}')
})
