import { isAppError } from '@nixen/core'
import { describe, expect, expectTypeOf, test } from 'vitest'
import { isXapiError, XapiError, xapiErrors } from './errors.ts'

describe('XapiError', () => {
  const error: unknown = new XapiError('VM_BAD_POWER_STATE', ['OpaqueRef:1', 'halted', 'running'], {
    method: 'VM.start',
  })

  test('says which call was refused, and with what', () => {
    expect((error as Error).message).toBe('VM.start answered VM_BAD_POWER_STATE (OpaqueRef:1, halted, running)')
    expect(new XapiError('X', []).message).toBe('The host answered X')
    expect(new XapiError('X', ['y'.repeat(1000)]).message.length).toBeLessThan(300)
  })

  test('is told by its code', () => {
    expect(isXapiError(error)).toBe(true)
    expect(isXapiError(error, 'VM_BAD_POWER_STATE')).toBe(true)
    expect(isXapiError(error, 'SR_FULL')).toBe(false)
    expect(isXapiError(error, 'CODE_OF_TOMORROW')).toBe(false)
    for (const other of [undefined, null, 'VM_BAD_POWER_STATE', { name: 'XapiError', code: 'X' }, new Error('X')]) {
      expect(isXapiError(other)).toBe(false)
    }
    expect(isAppError(error)).toBe(false)
  })

  test('keeps what caused it', () => {
    const cause = new Error('socket')
    expect(new XapiError('X', [], { cause }).cause).toBe(cause)
  })
})

test('failures of the client have stable codes and say what came', () => {
  const error = xapiErrors.bad_answer({ expected: 'text', got: '5', at: 'VM.get_record().name_label' })
  expect(error.code).toBe('xapi.bad_answer')
  expect(error.message).toContain('at VM.get_record().name_label: expected text, got 5')
  expect(xapiErrors.timeout({ what: 'VM.start', ms: 5 }).retryable).toBe(true)
})

// Never run: it is the compiler that checks this.
export function types(error: unknown): void {
  if (isXapiError(error, 'VM_BAD_POWER_STATE')) {
    expectTypeOf(error.params).toEqualTypeOf<readonly [vm: string, expected: string, actual: string]>()
    // @ts-expect-error There are three parameters.
    expectTypeOf(error.params[3]).toBeUndefined()
  } else if (isXapiError(error, 'CODE_OF_TOMORROW')) {
    expectTypeOf(error.params).toEqualTypeOf<readonly string[]>()
  } else if (isXapiError(error)) {
    expectTypeOf(error.code).toEqualTypeOf<string>()
  }
}
