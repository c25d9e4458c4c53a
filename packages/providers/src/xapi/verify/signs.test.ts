import type { Ref } from '@nixen/xapi'
import { describe, expect, test } from 'vitest'
import { guestSigns, type SeenGuest } from './signs.ts'

const start = Date.UTC(2026, 10, 21, 12)
const vm: SeenGuest['vm'] = { power_state: 'Running', domid: 7, xenstore_data: {}, resident_on: 'host' as Ref<'host'> }
const agent: NonNullable<SeenGuest['agent']> = {
  PV_drivers_detected: true,
  PV_drivers_version: { major: '7' },
  os_version: { name: 'Debian GNU/Linux 12|/boot/vmlinuz', distro: 'debian' },
  networks: { '0/ip': '10.0.0.4', '0/ipv4/0': '10.0.0.4', '0/ipv6/0': 'fe80::1', 'num/x': 'no address' },
  last_updated: start + 30_000,
  live: true,
}
const signs = (changes: Partial<SeenGuest>) =>
  guestSigns({ vm, metrics: { start_time: start }, agent: undefined, ...changes }, 'c0ffee')

describe('the signs of a guest', () => {
  test('are those of an agent that has spoken since the start', () => {
    expect(signs({ agent })).toEqual({
      power: 'running',
      boot: `host 7 ${start}`,
      agent: { state: 'up', os: 'Debian GNU/Linux 12', ips: ['10.0.0.4', 'fe80::1'] },
    })
  })

  test.each([
    ['no record at all', undefined, { state: 'silent' }],
    ['a record without drivers', { ...agent, PV_drivers_detected: false, PV_drivers_version: {} }, { state: 'silent' }],
    ['words of before the start', { ...agent, last_updated: start - 60_000 }, { state: 'stale' }],
    ['an agent that is not there any more', { ...agent, live: false }, { state: 'stale' }],
  ])('are not: %s', (_case, record, expected) => {
    expect(signs({ agent: record }).agent).toMatchObject(expected)
  })

  test.each([
    ['c0ffee passed all 12 services answer', { answer: { passed: true, text: 'all 12 services answer' } }],
    ['c0ffee failed', { answer: { passed: false, text: '' } }],
    ['beef passed', { strangeAnswer: true }],
    ['passed', { strangeAnswer: true }],
    ['c0ffee maybe', { strangeAnswer: true }],
  ])('the answer "%s" counts only for the challenge of this check', (text, expected) => {
    const {
      power: _p,
      boot: _b,
      agent: _a,
      ...rest
    } = signs({
      vm: { ...vm, xenstore_data: { 'vm-data/nixen-answer': text } },
    })
    expect(rest).toEqual(expected)
  })

  test('a machine that was started again is another boot', () => {
    expect(signs({ vm: { ...vm, domid: 8 } }).boot).not.toBe(signs({}).boot)
    expect(signs({ vm: { ...vm, power_state: 'Halted' } })).toMatchObject({ power: 'halted' })
  })
})
