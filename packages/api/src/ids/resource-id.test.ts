import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { newOwnId } from './own-id.ts'
import { connectionOfId, formatId, parseId, resourceTypes, typeOfId, VmId } from './resource-id.ts'

const key = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 60 })

test('an id gives back what it was made of, and is safe in a URL', () => {
  fc.assert(
    fc.property(fc.constantFrom(...resourceTypes), key, (type, key) => {
      const connection = newOwnId<'connection'>()
      const id = formatId({ type, connection, key })
      expect(encodeURIComponent(id)).toBe(id)
      expect(parseId(id)).toEqual({ type, connection, key: key.toWellFormed() })
      expect([typeOfId(id), connectionOfId(id)]).toEqual([type, connection])
    }),
  )
})

test('one object has one id: whatever parses is what format makes', () => {
  fc.assert(
    fc.property(fc.stringMatching(/^vm\.c\.[-A-Za-z0-9._~]{1,20}$/), (text) => {
      const parts = parseId(text)
      expect(parts ? formatId(parts) : text).toBe(text)
    }),
  )
})

test.each([
  '',
  'vm',
  'vm.c',
  'vm.c.',
  'vm..k',
  'vm.C.k',
  'car.c.k',
  'vm.c.k k',
  'vm.c.k/k',
  'vm.c.~41',
  'vm.c.~2f',
  'vm.c.~FF',
  'vm.c.~',
  `vm.c.${'k'.repeat(1020)}`,
])('%j is not an id', (text) => expect(parseId(text)).toBeUndefined())

test('the id of a host is not that of a VM', () => {
  const id = formatId({ type: 'host', connection: newOwnId<'connection'>(), key: '1' })
  expect(VmId.safeParse(id).success).toBe(false)
  expect(VmId.safeParse(id).error?.issues[0]?.message).toMatch(/^Not the id of a vm\. An id looks like vm\./)
})
