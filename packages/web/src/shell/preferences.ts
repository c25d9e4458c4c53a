/** What this browser prefers; read once, before anything is drawn. */
export interface Preferences {
  readonly density: Density
  /** An IANA zone; that of the browser when absent. */
  readonly timeZone: string | undefined
  /** Powers of 1024 (KiB) or of 1000 (kB). */
  readonly units: 'binary' | 'decimal'
}

export const densities = ['compact', 'normal', 'roomy'] as const
export type Density = (typeof densities)[number]

/** Heights of a row, in pixels. */
export const rowHeights: Readonly<Record<Density, number>> = { compact: 28, normal: 36, roomy: 44 }

const key = 'nixen.preferences'

export const preferences: Preferences = read()

/** Keeps preferences in this browser, and loads the page with them. */
export function choosePreferences(next: Partial<Preferences>): void {
  try {
    localStorage.setItem(key, JSON.stringify({ ...preferences, ...next }))
  } catch {
    // Without storage there is nothing to remember them.
  }
  location.reload()
}

function read(): Preferences {
  const kept = stored()
  const zone = kept['timeZone']
  return {
    density: densities.find((one) => one === kept['density']) ?? 'normal',
    timeZone: typeof zone === 'string' && Intl.supportedValuesOf('timeZone').includes(zone) ? zone : undefined,
    units: kept['units'] === 'decimal' ? 'decimal' : 'binary',
  }
}

function stored(): Readonly<Record<string, unknown>> {
  if (typeof document === 'undefined') return {}
  try {
    const kept: unknown = JSON.parse(localStorage.getItem(key) ?? 'null')
    // Any object can be asked for its fields; each is checked above.
    return typeof kept === 'object' && kept !== null ? (kept as Readonly<Record<string, unknown>>) : {}
  } catch {
    // No storage here, or something else was put there.
    return {}
  }
}
