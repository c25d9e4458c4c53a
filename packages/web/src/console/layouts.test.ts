import { describe, expect, test } from 'vitest'
import { layoutNames, strokesOf } from './layouts.ts'

const printable = Array.from({ length: 95 }, (_, index) => String.fromCharCode(32 + index)).join('')

describe.each(layoutNames)('the keyboard %s', (layout) => {
  test('has a key for every letter of ASCII', () => {
    expect(strokesOf(`${printable}\t\n`, layout).missing).toBe('')
  })
  test('types a small letter with one key and nothing held', () => {
    expect(strokesOf('e', layout).strokes).toEqual([{ code: 'KeyE', keysym: 0x65, shift: false, altGr: false }])
  })
})

test('a letter is typed where it lies on the keyboard of the guest', () => {
  const codes = (text: string, layout: 'us' | 'de' | 'fr') => strokesOf(text, layout).strokes.map(({ code }) => code)
  expect(codes('zy', 'us')).toEqual(['KeyZ', 'KeyY'])
  expect(codes('zy', 'de')).toEqual(['KeyY', 'KeyZ'])
  expect(codes('aq', 'fr')).toEqual(['KeyQ', 'KeyA'])
  expect(strokesOf('@', 'de').strokes).toEqual([{ code: 'KeyQ', keysym: 0x71, shift: false, altGr: true }])
  expect(strokesOf('1', 'fr').strokes[0]).toMatchObject({ code: 'Digit1', shift: true })
})

test('an accent that waits for a letter gets a space', () => {
  expect(strokesOf('^', 'de').strokes.map(({ code }) => code)).toEqual(['Backquote', 'Space'])
})

test('what a keyboard does not have is named once, the rest is typed; ends of lines are one key', () => {
  const { strokes, missing } = strokesOf('ä漢b漢😀\r\n', 'us')
  expect(missing).toBe('ä漢😀')
  expect(strokes.map(({ code }) => code)).toEqual(['KeyB', 'Enter'])
})
