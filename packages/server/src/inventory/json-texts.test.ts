import { expect, test } from 'vitest'
import { JsonTexts } from './json-texts.ts'

const objects = Array.from({ length: 50 }, (_, i) => ({
  id: `vm.c.${i}`,
  name: `Zoë "${i}" \u2028 😀`,
  tags: ['prod'],
}))
const textOf = ({ body }: { readonly body: Uint8Array }): string => new TextDecoder().decode(body)

test.each([1, 100, 1000, 1_000_000])('texts are those of JSON.stringify, with generations of %i bytes', (size) => {
  const texts = new JsonTexts(size)
  for (const page of [
    { items: objects, total: 99, next: 'YQ"' },
    { items: objects.slice(7, 20), total: 13 },
    { items: [], total: 0 },
  ]) {
    expect(textOf(texts.page(page))).toBe(JSON.stringify(page))
    for (const one of objects) expect(textOf(texts.one(one))).toBe(JSON.stringify(one))
  }
})

test('what is kept is bounded, an object that replaces another has its own text, and an answer keeps what it says', () => {
  const texts = new JsonTexts(500)
  const answers = Array.from({ length: 1000 }, (_, i) => {
    const answer = texts.one({ id: 'vm.c.1', i })
    expect(texts.used).toBeLessThanOrEqual(1000)
    return answer
  })
  expect(answers.map(textOf)).toEqual(answers.map((_, i) => `{"id":"vm.c.1","i":${i}}`))
})
