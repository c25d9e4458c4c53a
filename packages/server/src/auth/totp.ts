import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'
/** Milliseconds that a code is for (RFC 6238 §5.2). */
const stepLength = 30_000

/** A fresh secret of 160 bits, base 32 (RFC 4226 §4 R6). */
export function newTotpSecret(): string {
  let bits = 0
  let count = 0
  let text = ''
  for (const byte of randomBytes(20)) {
    bits = (bits << 8) | byte
    count += 8
    while (count >= 5) {
      count -= 5
      text += alphabet[(bits >> count) & 31]
    }
    bits &= (1 << count) - 1
  }
  return text
}

/** What an authenticator app scans. */
export function totpUri({ secret, user, issuer }: { secret: string; user: string; issuer: string }): string {
  const label = `${encodeURIComponent(issuer)}:${encodeURIComponent(user)}`
  return `otpauth://totp/${label}?secret=${secret}&issuer=${encodeURIComponent(issuer)}&algorithm=SHA1&digits=6&period=30`
}

/**
 * The time step that a code belongs to, or `undefined` when it is wrong. One step before and after is taken for clocks that differ
 * (RFC 6238 §6); steps up to `after` were used already.
 */
export function checkTotp(code: string, options: { secret: string; now: number; after: number }): number | undefined {
  const current = Math.floor(options.now / stepLength)
  const steps = [current, current - 1, current + 1].filter((step) => step > options.after)
  return steps.find((step) => timingSafeEqual(Buffer.from(totpAt(options.secret, step)), Buffer.from(padded(code))))
}

/** The code of a time step: HOTP with the step as its counter (RFC 4226 §5.3). */
export function totpAt(secret: string, step: number): string {
  const counter = Buffer.alloc(8)
  counter.writeBigUInt64BE(BigInt(step))
  const mac = createHmac('sha1', decode(secret)).update(counter).digest()
  const offset = mac.readUInt8(mac.length - 1) & 15
  return String((mac.readUInt32BE(offset) & 0x7fff_ffff) % 1_000_000).padStart(6, '0')
}

function padded(code: string): string {
  return code.slice(0, 6).padStart(6, ' ')
}

function decode(text: string): Buffer {
  const bytes: number[] = []
  let bits = 0
  let count = 0
  for (const letter of text) {
    bits = ((bits & 0xff) << 5) | alphabet.indexOf(letter)
    count += 5
    if (count < 8) continue
    count -= 8
    bytes.push((bits >> count) & 0xff)
  }
  return Buffer.from(bytes)
}
