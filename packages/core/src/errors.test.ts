import { describe, expect, test } from 'vitest'
import { AppError, catalogue, isAppError, messageOf, systemCode } from './errors.ts'

const fruitErrors = catalogue('fruit', {
  rotten: {
    status: 409,
    retryable: true,
    text: (p: { name: string; days: number }) => `${p.name} is ${p.days} days old. Buy a new one.`,
  },
  missing: { text: () => 'There is no fruit.' },
})

describe('an error catalogue', () => {
  test('makes errors with a stable code, a sentence, the parameters and the cause', () => {
    const cause = new Error('flies')
    const error = fruitErrors.rotten({ name: 'apple', days: 40 }, { cause })
    expect(error).toBeInstanceOf(AppError)
    expect(error).toMatchObject({
      code: 'fruit.rotten',
      message: 'apple is 40 days old. Buy a new one.',
      status: 409,
      retryable: true,
      details: { name: 'apple', days: 40 },
      cause,
    })
  })

  test('answers 500 and is not retryable unless it says so', () => {
    expect(fruitErrors.missing()).toMatchObject({ status: 500, retryable: false, details: {} })
    expect('cause' in fruitErrors.missing()).toBe(false)
  })

  test('does not let parameters be forgotten or misspelt', () => {
    // @ts-expect-error the parameters are required
    expect(() => fruitErrors.rotten()).toThrow(TypeError)
    // @ts-expect-error `days` is missing
    expect(fruitErrors.rotten({ name: 'apple' }).code).toBe('fruit.rotten')
  })
})

describe('isAppError', () => {
  test.each([
    ['an error of the catalogue', fruitErrors.missing(), undefined, true],
    ['the same, asked for by code', fruitErrors.missing(), 'fruit.missing', true],
    ['another code', fruitErrors.missing(), 'fruit.rotten', false],
    ['an error of Node', Object.assign(new Error('no'), { code: 'ENOENT' }), undefined, false],
    ['a string', 'fruit.missing', undefined, false],
  ])('%s', (_, error, code, expected) => expect(isAppError(error, code)).toBe(expected))

  test('recognises an error of another copy of this module', () => {
    const copy = Object.assign(new Error('x'), { name: 'AppError', code: 'fruit.missing' })
    expect(isAppError(copy, 'fruit.missing')).toBe(true)
  })
})

test('messageOf gives a sentence for whatever was thrown', () => {
  expect(messageOf(new Error('a'))).toBe('a')
  expect(messageOf('b')).toBe('b')
  expect(messageOf(undefined)).toBe('undefined')
})

test('systemCode gives the code of an error of the system and nothing for others', () => {
  expect(systemCode(Object.assign(new Error('no'), { code: 'ENOENT' }))).toBe('ENOENT')
  expect(systemCode(Object.assign(new Error('no'), { code: 7 }))).toBeUndefined()
  expect(systemCode('ENOENT')).toBeUndefined()
})
