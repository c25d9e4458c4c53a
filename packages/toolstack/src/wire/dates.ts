const pattern = /^(\d{4})-?(\d\d)-?(\d\d)(?:[T ](\d\d):?(\d\d)(?::?(\d\d)(?:\.\d+)?)?)?\s*(Z|UTC|[+-]\d\d:?\d\d)?$/

/** Epoch milliseconds as XAPI writes dates, `20260821T02:00:23Z`: whole seconds, UTC. */
export function formatDate(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19).replace('-', '').replace('-', '')}Z`
}

/**
 * Reads the dates clients send: with or without hyphens, RFC 3339 zones, no zone meaning UTC, and seconds since 1970 (`"1627478400."`).
 * `undefined` for anything else.
 */
export function parseDate(text: string): number | undefined {
  if (/^\d+\.?$/.test(text) && text.length > 8) return Number.parseFloat(text) * 1000
  const match = pattern.exec(text)
  if (!match) return undefined
  const [year, month, day, hour, minute, second] = match.slice(1, 7).map((part) => Number(part ?? 0))
  const utc = Date.UTC(year ?? 0, (month ?? 1) - 1, day, hour, minute, second)
  const zone = match[7]
  if (!zone || zone === 'Z' || zone === 'UTC') return utc
  const minutes = Number(zone.slice(1, 3)) * 60 + Number(zone.slice(-2))
  return utc - (zone.startsWith('-') ? -1 : 1) * minutes * 60_000
}
