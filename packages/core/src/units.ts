export const KiB = 1024
export const MiB: number = 1024 * KiB
export const GiB: number = 1024 * MiB
export const TiB: number = 1024 * GiB

const binaryUnits = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB'] as const
const sizePattern = /^\s*(\d+(?:\.\d+)?)\s*(?:([kmgtpe])(i?)b?|b)?\s*$/i

/** `1536` → `1.5 KiB`. Three digits at the most; whole below 1 KiB. */
export function formatBytes(bytes: number): string {
  let value = Math.abs(bytes)
  let unit = 0
  while (value >= 1023.5 && unit < binaryUnits.length - 1) {
    value /= 1024
    unit++
  }
  const digits = unit === 0 || value >= 99.95 ? 0 : 1
  const text = value.toFixed(digits).replace(/\.0$/, '')
  return `${bytes < 0 ? '-' : ''}${text} ${binaryUnits[unit]}`
}

/**
 * Reads `10GiB`, `10 G`, `512k`, `1.5T`, `4096` as bytes. `K`, `M`, `G`, … with or without `i` and `B` are powers of 1024, as in
 * every tool for disks. `undefined` when the text is not a size or not a whole number of bytes.
 */
export function parseBytes(text: string): number | undefined {
  const match = sizePattern.exec(text)
  if (!match) return undefined
  const exponent = match[2] ? 'kmgtpe'.indexOf(match[2].toLowerCase()) + 1 : 0
  const bytes = Number(match[1]) * 1024 ** exponent
  return Number.isSafeInteger(bytes) ? bytes : undefined
}

/** `formatBytes` per second. */
export function formatRate(bytesPerSecond: number): string {
  return `${formatBytes(Math.round(bytesPerSecond))}/s`
}

const durationUnits = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 } as const
const durationPart = /(\d+(?:\.\d+)?)\s*(ms|s|m|h|d|w)/giy

/** Reads `90s`, `1h30m`, `250ms`, `2w` as milliseconds; `undefined` when the text is not a duration. */
export function parseDuration(text: string): number | undefined {
  const trimmed = text.trim()
  let total = 0
  let end = 0
  durationPart.lastIndex = 0
  for (let match = durationPart.exec(trimmed); match; match = durationPart.exec(trimmed)) {
    // The pattern only lets these units through.
    total += Number(match[1]) * durationUnits[match[2]?.toLowerCase() as keyof typeof durationUnits]
    end = durationPart.lastIndex
    while (trimmed[end] === ' ') end++
    durationPart.lastIndex = end
  }
  return trimmed.length > 0 && end === trimmed.length ? total : undefined
}

/** `93784` → `1 min 34 s`. The two largest units; milliseconds below one second. */
export function formatDuration(ms: number): string {
  if (!Number.isFinite(ms)) return 'unknown'
  if (ms < 1000) return `${Math.round(ms)} ms`
  if (ms < 10_000) return `${(ms / 1000).toFixed(1)} s`
  const seconds = Math.round(ms / 1000)
  const parts: [number, string][] = [
    [Math.floor(seconds / 86_400), 'd'],
    [Math.floor(seconds / 3600) % 24, 'h'],
    [Math.floor(seconds / 60) % 60, 'min'],
    [seconds % 60, 's'],
  ]
  const first = parts.findIndex(([count]) => count > 0)
  return parts
    .slice(first, first + 2)
    .filter(([count]) => count > 0)
    .map(([count, unit]) => `${count} ${unit}`)
    .join(' ')
}
