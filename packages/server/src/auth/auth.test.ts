import { systemClock, type Clock } from '@nixen/core'
import { describe, expect, test } from 'vitest'
import { Attempts } from './attempts.ts'
import { demandStrongPassword, hashPassword, verifyPassword } from './passwords.ts'
import { checkTotp, newTotpSecret, totpAt, totpUri } from './totp.ts'

describe('one-time codes', () => {
  // RFC 6238 appendix B, SHA-1, the last six of the eight digits there.
  const secret = 'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ'
  test.each([
    [59, '287082'],
    [1_111_111_109, '081804'],
    [1_111_111_111, '050471'],
    [1_234_567_890, '005924'],
    [2_000_000_000, '279037'],
    [20_000_000_000, '353130'],
  ])('at %i s are those of RFC 6238', (seconds, code) => {
    expect(totpAt(secret, Math.floor(seconds / 30))).toBe(code)
    expect(checkTotp(code, { secret, now: seconds * 1000, after: 0 })).toBe(Math.floor(seconds / 30))
  })

  test('are taken a step early and late, not two, and not again', () => {
    const step = 1000
    const check = (of: number, after = 0) => checkTotp(totpAt(secret, of), { secret, now: step * 30_000, after })
    expect([check(998), check(999), check(1000), check(1001), check(1002)]).toEqual([
      undefined,
      999,
      1000,
      1001,
      undefined,
    ])
    expect(check(1000, 1000)).toBeUndefined()
    expect(checkTotp('', { secret, now: 3_000_000, after: 0 })).toBeUndefined()
  })

  test('have secrets of 160 bits that apps can scan', () => {
    const made = newTotpSecret()
    expect(made).toMatch(/^[A-Z2-7]{32}$/)
    expect(totpUri({ secret: made, user: 'a da', issuer: 'Nixen' })).toBe(
      `otpauth://totp/Nixen:a%20da?secret=${made}&issuer=Nixen&algorithm=SHA1&digits=6&period=30`,
    )
  })
})

describe('passwords', () => {
  test('are hashed by argon2id and recognized', async () => {
    const stored = await hashPassword('correct horse')
    expect(stored).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$[\w+/]{22}\$[\w+/]{43}$/)
    expect(await verifyPassword('correct horse', stored)).toBe(true)
    expect(await verifyPassword('correct horsf', stored)).toBe(false)
    expect(await verifyPassword('correct horse', undefined)).toBe(false)
    expect(await verifyPassword('correct horse', 'plain text')).toBe(false)
    expect(await verifyPassword('correct horse', await hashPassword('correct horse'))).toBe(true)
  })

  test.each([
    ['short', 'at least 12'],
    ['password12345', 'first that anybody tries'],
    ['aaaaaaaaaaaaaaaa', 'same few characters'],
    ['administrator1', 'first that anybody tries'],
    ['ada-lovelace-12', 'little more than the log-in name'],
  ])('that are weak are refused with the reason: %s', (password, reason) => {
    expect(() => demandStrongPassword(password, 'ada-lovelace')).toThrow(reason)
  })

  test('of some words pass', () => {
    expect(() => demandStrongPassword('correct horse battery', 'ada')).not.toThrow()
  })
})

describe('failed attempts', () => {
  let time = 0
  const clock: Clock = { ...systemClock, monotonic: () => time }

  test('cost ever longer waits, and are forgotten after a success or a quiet time', () => {
    const attempts = new Attempts(clock)
    for (let i = 0; i < 5; i++) attempts.begin(['name ada'])
    expect(() => attempts.begin(['name ada'])).toThrow('Try again in 1 s')
    time += 1000
    attempts.begin(['name ada'])
    expect(() => attempts.begin(['name ada'])).toThrow('Try again in 2 s')
    // Of another address under the same name it is the same.
    expect(() => attempts.begin(['name ada', 'address ::1'])).toThrow('Try again in 2 s')
    attempts.begin(['name bob'])
    attempts.succeed(['name ada'])
    attempts.begin(['name ada'])
    for (let i = 0; i < 30; i++) {
      time += 16 * 60_000 - 1
      attempts.begin(['name eve'])
    }
  })
})
