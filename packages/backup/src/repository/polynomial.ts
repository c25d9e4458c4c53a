import { randomBytes } from 'node:crypto'

/**
 * The polynomial that restic cuts files with, over GF(2) of degree 53. Nixen does not cut with it (its chunks are fixed), but restic refuses a
 * repository whose polynomial is reducible, and cuts with it when it backs up into the same repository.
 */
const degree = 53n

/** A random irreducible polynomial as restic writes it: hexadecimal digits of its bits. About 1 of 27 candidates is one. */
export function randomPolynomial(random: (length: number) => Uint8Array = randomBytes): string {
  for (;;) {
    let bits = 0n
    for (const byte of random(8)) bits = (bits << 8n) | BigInt(byte)
    const candidate = (bits & ((1n << degree) - 1n)) | (1n << degree) | 1n
    if (isIrreducible(candidate)) return candidate.toString(16)
  }
}

/** Ben-Or's test: f of degree n is irreducible when gcd(f, x^(2^i) - x) is 1 for every i up to n / 2. */
export function isIrreducible(polynomial: bigint): boolean {
  const n = degreeOf(polynomial)
  if (n < 1) return false
  let power = 2n // x
  for (let i = 1; i <= n / 2; i++) {
    power = remainder(square(power), polynomial)
    if (gcd(polynomial, power ^ 2n) !== 1n) return false
  }
  return true
}

function degreeOf(polynomial: bigint): number {
  return polynomial.toString(2).length - 1
}

/** Squaring over GF(2) puts a zero between all bits. */
function square(polynomial: bigint): bigint {
  return BigInt(`0b${polynomial.toString(2).split('').join('0')}`)
}

function remainder(a: bigint, b: bigint): bigint {
  const n = degreeOf(b)
  let rest = a
  for (let shift = degreeOf(rest) - n; rest !== 0n && shift >= 0; shift = degreeOf(rest) - n) {
    rest ^= b << BigInt(shift)
  }
  return rest
}

function gcd(a: bigint, b: bigint): bigint {
  let [x, y] = [a, b]
  while (y !== 0n) [x, y] = [y, remainder(x, y)]
  return x
}
