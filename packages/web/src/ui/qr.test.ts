import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { qrMatrix } from './qr.ts'

/** zbarimg has read all of these back when the hashes were written down. */
test.each([
  ['hi', 21, '043e4c6b95be7301'],
  ['otpauth://totp/Nixen:ada?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&issuer=Nixen%20console', 41, '1cb2f65bbcbbcdf0'],
  ['x'.repeat(150), 49, 'd04ffb513988abbe'],
  ['Z'.repeat(210), 57, '36ee47608985aef9'],
])('%s', (text, size, hash) => {
  const rows = qrMatrix(text)
  expect(rows).toHaveLength(size)
  const bits = rows.map((row) => row.map(Number).join('')).join('\n')
  expect(createHash('sha256').update(bits).digest('hex').slice(0, 16)).toBe(hash)
})

test('a text that is too long is refused', () => {
  expect(() => qrMatrix('x'.repeat(300))).toThrow(RangeError)
})
