import { readFileSync } from 'node:fs'
import { isAppError, type AppError } from '@nixen/core'
import { XapiError } from '@nixen/xapi'
import { expect, test } from 'vitest'
import { connectionError } from '../errors.ts'
import { contractRefusals } from './contract.ts'
import { isRefusal, refusalError, refusalOf, written } from './refusal.ts'
import { sentence, type Names } from './sentence.ts'
import { driverNumbers } from './storage-drivers.ts'

interface Declared {
  readonly name: string
  readonly params: readonly string[]
}
// The data model itself, so that a code which it gets later cannot be forgotten.
const model = JSON.parse(readFileSync(new URL('../../../../xapi/data/xenapi.json', import.meta.url), 'utf8')) as {
  readonly errors: readonly { readonly name: string; readonly params: readonly string[] | null }[]
}
// What hosts send beside the documented codes has no declared parameters.
const codes: readonly Declared[] = model.errors.map(({ name, params }) => ({ name, params: params ?? [] }))
const drivers = driverNumbers.map((number) => ({
  name: `SR_BACKEND_FAILURE_${number}`,
  params: ['status', 'message', 'trace'],
}))
const ref = (index: number): string => `OpaqueRef:0000000${index}-0000-4000-8000-000000000000`
const place = { address: 'https://pool.example.net', username: 'root' }
const known: Names = (key) =>
  key === ref(0)
    ? { id: 'vm.test.1', name: 'web-01' }
    : key === ref(1)
      ? { id: 'host.test.1', name: 'rack-1' }
      : undefined

/** Every way in which a host may fill the parameters, or leave them out. */
const fillings: readonly ((declared: Declared) => readonly string[])[] = [
  ({ params }) => params.map((_, index) => ref(index)),
  ({ params }) => params.map((name) => `the ${name}`),
  () => [],
  ({ params }) => params.map(() => ''),
  ({ params }) => [...params, 'x', ref(9)],
]

test.each([...codes, ...drivers])('$name makes a sentence of whatever the host sends with it', (declared) => {
  for (const fill of fillings) {
    const error = connectionError(new XapiError(declared.name, fill(declared)), place, known)
    expect(isAppError(error)).toBe(true)
    const { message, code } = error as AppError
    expect(message).not.toMatch(/undefined|OpaqueRef|\bNaN\b|\bnull\b|[{}]|\.\.|: \./)
    // Errors of the connection begin with its address or user.
    expect(message).toMatch(code.startsWith('connection.') ? /^\S.*[.!?]$/s : /^["A-Z0-9].*[.!?]$/s)
    expect(message.length).toBeGreaterThan(12)
    expect(code).toMatch(/^(xapi\.[A-Z0-9_]+|connection\.\w+|\w+\.[a-z_]+)$/)
  }
})

test('the data model declares what is tested here', () => {
  expect(codes.length).toBeGreaterThan(550)
  const names = new Set(codes.map(({ name }) => name))
  const ours = [...Object.keys(written), ...Object.keys(contractRefusals)]
  expect(ours.filter((code) => !names.has(code) && !code.startsWith('SR_BACKEND_FAILURE_'))).toEqual([])
})

test('the sentences that were written by hand differ from each other', () => {
  const texts = [...Object.keys(written), ...drivers.map(({ name }) => name)].map((code) => refusalOf(code, []).text)
  expect(Object.keys(written).length).toBeGreaterThan(300)
  expect(texts.filter((text, index) => texts.indexOf(text) !== index)).toEqual([])
})

test.each([
  ['OTHER_OPERATION_IN_PROGRESS', true],
  ['HOST_STILL_BOOTING', true],
  ['TOO_MANY_STORAGE_MIGRATES', true],
  ['TOO_BUSY', true],
  ['TOO_MANY_PENDING_TASKS', true],
  ['SYNC_UPDATES_IN_PROGRESS', true],
  ['CLUSTER_CREATE_IN_PROGRESS', true],
  ['SR_BACKEND_FAILURE_201', true],
  ['VM_BAD_POWER_STATE', false],
  ['SR_FULL', false],
  ['VM_IS_TEMPLATE', false],
  ['INTERNAL_ERROR', false],
  ['SOMETHING_NEW', false],
])('%s can be tried again: %s', (code, retryable) => {
  expect(connectionError(new XapiError(code, []), place)).toMatchObject({ retryable })
})

test.each<[code: string, params: string[], expected: Partial<AppError>]>([
  [
    'VM_BAD_POWER_STATE',
    [ref(0), 'halted', 'running'],
    { code: 'vm.bad_power_state', message: 'The VM web-01 is running; it would have to be halted.' },
  ],
  ['VM_MISSING_PV_DRIVERS', [ref(0)], { code: 'vm.no_drivers' }],
  ['OTHER_OPERATION_IN_PROGRESS', ['VM', ref(0), 'clone', ''], { code: 'vm.busy', retryable: true }],
  ['HOST_NOT_ENOUGH_FREE_MEMORY', ['8589934592', '1073741824'], { code: 'host.out_of_memory' }],
  ['SR_BACKEND_FAILURE_44', ['', 'There is insufficient space', ''], { code: 'storage.full' }],
  ['HANDLE_INVALID', ['VM', ref(3)], { code: 'vm.not_found', status: 404 }],
  [
    'VM_INCOMPATIBLE_WITH_THIS_HOST',
    [ref(0), ref(1), 'its CPU is older'],
    {
      code: 'xapi.VM_INCOMPATIBLE_WITH_THIS_HOST',
      message: 'The VM "web-01" cannot run on the host "rack-1": its CPU is older. Choose another host.',
    },
  ],
  [
    'SR_BACKEND_FAILURE_73',
    ['', 'NFS mount error [opterr=mount failed with return code 32]', ''],
    { code: 'xapi.SR_BACKEND_FAILURE_73', status: 502 },
  ],
])('%s %j says what is wrong', (code, params, expected) => {
  expect(connectionError(new XapiError(code, params), place, known)).toMatchObject(expected)
})

test('a refusal that is translated twice stays what it is', () => {
  const once = refusalError(new XapiError('VM_IS_TEMPLATE', [ref(0)]), known)
  expect(isRefusal(once)).toBe(true)
  expect(connectionError(once, place)).toBe(once)
})

test('what a driver says at length is cut, and references in it become names', () => {
  const text = sentence('It failed: {0}.', [`${ref(0)} and ${ref(8)}\n${'x'.repeat(1000)}`], known)
  expect(text).toMatch(/^It failed: "web-01" and an object x+….$/)
  expect(text.length).toBeLessThan(330)
})
