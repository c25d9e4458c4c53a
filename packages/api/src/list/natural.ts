const zero = 48
const nine = 57

/**
 * Orders text as people do: `web-2` before `web-10`, upper and lower case together. Two texts that differ are never equal, so that
 * an order is total. Letters beyond ASCII go by code point after lower-casing.
 */
export function compareNatural(a: string, b: string): number {
  if (a === b) return 0
  let i = 0
  let j = 0
  while (i < a.length && j < b.length) {
    const x = a.charCodeAt(i)
    const y = b.charCodeAt(j)
    if (isDigit(x) && isDigit(y)) {
      const [from, to] = [skipZeros(a, i), skipZeros(b, j)]
      const [endA, endB] = [endOfDigits(a, from), endOfDigits(b, to)]
      // A longer number without leading zeros is a larger one.
      if (endA - from !== endB - to) return endA - from - (endB - to)
      for (let k = 0; k < endA - from; k++) {
        const difference = a.charCodeAt(from + k) - b.charCodeAt(to + k)
        if (difference !== 0) return difference
      }
      ;[i, j] = [endA, endB]
      continue
    }
    if (x !== y) {
      const difference = fold(x) - fold(y)
      if (difference !== 0) return difference
    }
    i++
    j++
  }
  const left = a.length - i - (b.length - j)
  if (left !== 0) return left
  // The same but for case or zeros.
  return a < b ? -1 : 1
}

function isDigit(code: number): boolean {
  return code >= zero && code <= nine
}

function skipZeros(text: string, from: number): number {
  let i = from
  while (text.charCodeAt(i) === zero && isDigit(text.charCodeAt(i + 1))) i++
  return i
}

function endOfDigits(text: string, from: number): number {
  let i = from
  while (i < text.length && isDigit(text.charCodeAt(i))) i++
  return i
}

function fold(code: number): number {
  if (code < 128) return code >= 65 && code <= 90 ? code + 32 : code
  return String.fromCharCode(code).toLowerCase().charCodeAt(0)
}
