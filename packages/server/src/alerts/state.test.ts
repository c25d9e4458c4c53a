import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { advance, wordFor, type AlertState, type Reading, type Timing } from './state.ts'

const seen = (reading: Reading) => ({ on: 'host.c.1', onName: 'xen-1', reading, message: 'It is so.', value: '91 %' })

/** Plays readings a minute apart and gives the phases and the words; somebody is told at once. */
function play(timing: Timing, readings: readonly Reading[]): { phases: string[]; words: string[] } {
  let state: AlertState | undefined
  const phases: string[] = []
  const words: string[] = []
  for (const [index, reading] of readings.entries()) {
    const now = index * 60_000
    state = advance(timing, state, seen(reading), now)
    const word = state && wordFor({ onClear: true, repeat: undefined }, state, { now, silenced: false })
    words.push(word ?? '')
    if (word === 'clear') state = undefined
    else if (state && word !== undefined) state = { ...state, told: now }
    phases.push(state?.phase ?? '')
  }
  return { phases, words }
}

describe('an alert', () => {
  test('begins and ends at once when no time is asked for', () => {
    expect(play({ for: 0, clearFor: 0 }, ['off', 'on', 'on', 'off'])).toEqual({
      phases: ['', 'firing', 'firing', ''],
      words: ['', 'alert', '', 'clear'],
    })
  })

  test('waits for its least times, and neither a short peak nor a short pause counts', () => {
    const timing = { for: 120_000, clearFor: 120_000 }
    const readings: Reading[] = ['on', 'off', 'on', 'on', 'on', 'off', 'on', 'off', 'off', 'off']
    expect(play(timing, readings)).toEqual({
      phases: ['pending', '', 'pending', 'pending', 'firing', 'clearing', 'firing', 'clearing', 'clearing', ''],
      words: ['', '', '', '', 'alert', '', '', '', '', 'clear'],
    })
  })

  test('stays as it is between its thresholds, and while nothing is known', () => {
    const { phases } = play({ for: 0, clearFor: 0 }, ['between', 'unknown', 'on', 'between', 'unknown', 'off'])
    expect(phases).toEqual(['', '', 'firing', 'firing', 'firing', ''])
  })
})

test('words come in pairs, whatever is seen', () => {
  const readings = fc.array(fc.constantFrom<Reading>('on', 'off', 'between', 'unknown'), { maxLength: 60 })
  const time = fc.constantFrom(0, 60_000, 180_000)
  const check = (): void =>
    fc.assert(
      fc.property(readings, time, time, (list, on, off) => {
        const words = play({ for: on, clearFor: off }, list).words.filter((word) => word !== '')
        return words.every((word, index) => word === (index % 2 === 0 ? 'alert' : 'clear'))
      }),
    )
  expect(check).not.toThrow()
})

describe('who is told', () => {
  const firing: AlertState = { ...seen('on'), phase: 'firing', since: 0, fired: 0 }
  const at = (now: number, silenced = false) => ({ now, silenced })
  test.each([
    ['a new one', { onClear: true }, firing, at(0), 'alert'],
    ['nothing in a silence', { onClear: true }, firing, at(0, true), undefined],
    ['nothing twice', { onClear: true }, { ...firing, told: 0 }, at(9_000_000), undefined],
    ['again when it is time', { onClear: true, repeat: 60_000 }, { ...firing, told: 0 }, at(60_000), 'reminder'],
    ['not again before', { onClear: true, repeat: 60_000 }, { ...firing, told: 0 }, at(59_999), undefined],
    ['the end', { onClear: true }, { ...firing, phase: 'over', told: 0 }, at(1), 'clear'],
    ['no end when nobody wants it', { onClear: false }, { ...firing, phase: 'over', told: 0 }, at(1), undefined],
    ['nothing of what is not long enough', { onClear: true }, { ...firing, phase: 'pending' }, at(1), undefined],
  ] as const)('%s', (_what, telling, state, moment, word) => {
    expect(wordFor(telling, state, moment)).toBe(word)
  })
})
